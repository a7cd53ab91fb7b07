/** Registration: the backend's factory, its kernels (native ones first, then TF.js's CPU kernels) and gradients. */
import '@tensorflow/tfjs-backend-cpu';
import {
  engine,
  findBackendFactory,
  getKernel,
  getKernelsForBackend,
  type KernelConfig,
  type NamedAttrMap,
  registerBackend,
  registerKernel,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { registerMissingGradients } from '@vgg/tfjs-gradients';
import { OnednnBackend } from './backend';
import { convolutionKernels } from './kernels/convolution';
import { elementwiseKernels } from './kernels/elementwise';
import type { KernelTable, NativeKernel } from './kernels/kernel';
import { matMulKernels } from './kernels/mat-mul';
import { movementKernels } from './kernels/movement';
import { normalisationKernels } from './kernels/normalisation';
import { poolingKernels } from './kernels/pooling';
import { reductionKernels } from './kernels/reduction';
import { selectionKernels } from './kernels/selection';
import { trainingKernels } from './kernels/training';
import type { NativeModule } from './native';
import { resolveOptions } from './options';

const NATIVE: KernelTable = {
  ...convolutionKernels,
  ...elementwiseKernels,
  ...matMulKernels,
  ...movementKernels,
  ...normalisationKernels,
  ...poolingKernels,
  ...reductionKernels,
  ...selectionKernels,
};

/** CPU kernels that do not read numbers, so they are never slow. */
const WITHOUT_NUMBERS: ReadonlySet<string> = new Set(['Complex', 'ExpandDims', 'Imag', 'Real']);

/** Priority, above that of TF.js's own CPU and WASM backends. */
const PRIORITY = 3;

function elements(inputs: Record<string, TensorInfo | undefined>): number {
  const sizes = Object.values(inputs).map((info) => (info?.shape === undefined ? 0 : util.sizeFromShape(info.shape)));
  return sizes.reduce((largest, size) => Math.max(largest, size), 0);
}

function withFallback(config: KernelConfig, native: NativeKernel | undefined): KernelConfig {
  const { kernelName } = config;
  return {
    ...config,
    backendName: 'onednn',
    kernelFunc: ({ inputs, attrs = {}, backend }) => {
      const onednn = backend as OnednnBackend;
      const result = native?.({ inputs, attrs, backend: onednn });
      if (result !== undefined) return result;
      if (!WITHOUT_NUMBERS.has(kernelName)) onednn.fallbacks.note(kernelName, elements(inputs));
      return config.kernelFunc({ inputs, attrs: attrs as NamedAttrMap, backend });
    },
  };
}

/** Returns a function that throws. It takes the place of the CPU kernel for kernels that only this backend has. */
function refuse(kernelName: string): KernelConfig['kernelFunc'] {
  return ({ inputs }) => {
    const actual = Object.entries(inputs).map(([name, info]) => `${name} ${info?.dtype} [${info?.shape}]`);
    throw new VggError('argument', `${kernelName} of onednn takes float32 tensors that fit, got ${actual.join(', ')}`);
  };
}

/** Registers everything once, even if a program loads several copies of this package. */
export function register(module: NativeModule): void {
  registerMissingGradients();
  if (findBackendFactory('onednn') !== null) return;
  for (const config of getKernelsForBackend('cpu')) {
    if (getKernel(config.kernelName, 'onednn') === undefined) {
      registerKernel(withFallback(config, NATIVE[config.kernelName]));
    }
  }
  for (const [kernelName, native] of Object.entries(trainingKernels)) {
    registerKernel(withFallback({ kernelName, backendName: 'onednn', kernelFunc: refuse(kernelName) }, native));
  }
  registerBackend('onednn', () => new OnednnBackend(module, resolveOptions(module)), PRIORITY);
}

/** Returns the backend if it is TF.js's current one, else undefined. */
export function currentBackend(): OnednnBackend | undefined {
  // Compared by name, because another copy of this package (ESM and CommonJS) may have created it.
  return engine().backendName === 'onednn' ? (engine().backend as unknown as OnednnBackend) : undefined;
}
