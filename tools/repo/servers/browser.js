/** A page's program, for webpack. */
import '@vgg/backend-wasm';
import { classify, loadNet } from '@vgg/vgg';

globalThis.classifyBytes = async (net, photograph) => classify(await loadNet(net), photograph);
