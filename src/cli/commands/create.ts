export const create = { run: async () => 1 };
