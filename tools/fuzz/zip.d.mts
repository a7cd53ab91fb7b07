export interface Member {
  name: string;
  bytes: Uint8Array;
  deflate?: boolean;
  claim?: number;
  method?: number;
}
export function zip(members: readonly Member[]): Uint8Array;
export function unzip(bytes: Uint8Array): { name: string; bytes: Uint8Array }[];
