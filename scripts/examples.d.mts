export function readmes(): string[];
export function blocksOf(path: string): { language: string; source: string }[];
