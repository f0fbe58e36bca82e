export const tracker = { run: async () => 1 };
