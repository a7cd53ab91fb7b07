export function absoluteLinks(text: string, address: string, folder: string): string;
export function nameRepository(address: string, root: string): string[];
