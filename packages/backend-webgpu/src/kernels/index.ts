/** All kernels of our own, by TF.js's names. */
import type { KernelTable } from './kernel';

export const KERNELS: KernelTable = {};
