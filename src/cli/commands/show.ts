export const show = { run: async () => 1 };
