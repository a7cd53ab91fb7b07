/** All kernels of our own, by TF.js's names. */
import { convolutionKernels } from './convolution';
import type { KernelTable } from './kernel';
import { matMulKernels } from './mat-mul';

export const KERNELS: KernelTable = { ...convolutionKernels, ...matMulKernels };
