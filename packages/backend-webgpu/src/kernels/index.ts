/** All kernels of our own, by TF.js's names. */
import { convolutionKernels } from './convolution';
import { elementwiseKernels } from './elementwise';
import type { KernelTable } from './kernel';
import { lossKernels } from './loss';
import { matMulKernels } from './mat-mul';
import { normalisationKernels } from './normalisation';
import { poolingKernels } from './pooling';
import { reductionKernels } from './reduction';
import { trainingKernels } from './training';

export const KERNELS: KernelTable = {
  ...convolutionKernels,
  ...elementwiseKernels,
  ...lossKernels,
  ...matMulKernels,
  ...normalisationKernels,
  ...poolingKernels,
  ...reductionKernels,
  ...trainingKernels,
};
