/** Files that downloads leave in place of others: a pointer of Git LFS, a web page with an error. */

const KINDS: readonly { readonly start: RegExp; readonly reason: string }[] = [
  {
    start: /^version https:\/\/git-lfs/,
    reason: 'it is a pointer of Git LFS: fetch the file itself with git lfs pull',
  },
  { start: /^\s*<(!doctype html|html)/i, reason: 'it is a web page (HTML): download the file itself' },
];

/** Returns the reason why a file that begins with `head` is not what its name says; undefined for all other files. */
export function misplaced(head: Uint8Array): string | undefined {
  const text = Array.from(head.subarray(0, 64), (byte) => String.fromCharCode(byte)).join('');
  return KINDS.find(({ start }) => start.test(text))?.reason;
}
