/** Headers of a page that is cross-origin isolated: WebAssembly then runs on several threads. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
