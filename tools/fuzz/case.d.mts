export interface FuzzedInput {
  bytes: Uint8Array;
  siblings: ReadonlyMap<string, Uint8Array> | undefined;
}
export function makeInput(format: string, seed: number, number: number): FuzzedInput;
export function readInput(weights: object, input: FuzzedInput): Promise<string>;
