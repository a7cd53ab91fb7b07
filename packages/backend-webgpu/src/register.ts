/** Registers backend, kernels and gradients under the name 'webgpu', in place of the stock backend. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgpu';
import {
  engine,
  findBackendFactory,
  getKernel,
  getKernelsForBackend,
  type KernelConfig,
  type NamedAttrMap,
  registerBackend,
  registerKernel,
  removeBackend,
  unregisterKernel,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { registerMissingGradients } from '@vgg/tfjs-gradients';
import { openDevice } from './adapter';
import { VggWebgpuBackend } from './backend';
import { forwarded } from './kernels/forwarded';
import { KERNELS } from './kernels/index';
import { resolveOptions } from './options';
import { chooseTensorCores } from './tensor-cores';

/** Above TF.js's own backends. */
const PRIORITY = 4;

const REGISTERED = Symbol.for('@vgg/backend-webgpu/registered');
const shared = globalThis as { [REGISTERED]?: boolean };

function ownFirst(kernelName: string, stock: KernelConfig | undefined): KernelConfig {
  const own = KERNELS[kernelName]!;
  return {
    ...stock,
    kernelName,
    backendName: 'webgpu',
    kernelFunc: (call) => {
      const { inputs, attrs, backend } = call;
      const webgpu = backend as VggWebgpuBackend;
      webgpu.errors.last = kernelName;
      const floats = Object.entries(inputs).map(([name, info]) => [name, info ? webgpu.asFloat(info) : info] as const);
      const floating = { inputs: Object.fromEntries(floats), attrs: (attrs ?? {}) as Record<string, unknown> };
      const result = own({ ...floating, backend: webgpu });
      for (const [name, info] of floats) if (info !== inputs[name]) webgpu.disposeData(info!.dataId);
      if (result !== undefined) return result;
      if (stock !== undefined) return stock.kernelFunc({ inputs, attrs: attrs as NamedAttrMap, backend });
      const given = Object.entries(inputs).map(([name, info]) => `${name} ${info?.dtype} [${info?.shape}]`);
      throw new VggError('argument', `${kernelName} of webgpu takes float32 tensors that fit, got ${given.join(', ')}`);
    },
  };
}

const isLost = (device: GPUDevice) =>
  Promise.race([device.lost.then(() => true), new Promise<boolean>((resolve) => setTimeout(resolve, 0, false))]);

/** Registers everything once, however many copies of this package a program loads. */
export function register(): void {
  registerMissingGradients();
  if (shared[REGISTERED]) return;
  shared[REGISTERED] = true;
  for (const kernelName of Object.keys(KERNELS)) {
    const stock = getKernel(kernelName, 'webgpu');
    if (stock !== undefined) unregisterKernel(kernelName, 'webgpu');
    registerKernel(ownFirst(kernelName, stock));
  }
  for (const config of getKernelsForBackend('cpu')) {
    if (getKernel(config.kernelName, 'webgpu') === undefined) registerKernel(forwarded(config));
  }
  if (findBackendFactory('webgpu') !== null) removeBackend('webgpu');
  registerBackend(
    'webgpu',
    async () => {
      const options = resolveOptions();
      let opened = await openDevice(options);
      const tensorCores = await chooseTensorCores(opened, options);
      // A driver may fail so badly at its tensor cores that the device is lost.
      if (await isLost(opened.device)) opened = await openDevice(options);
      return new VggWebgpuBackend(opened, options.precision, tensorCores);
    },
    PRIORITY,
  );
}

/** The backend when it is TF.js's current one, else undefined. */
export function currentBackend(): VggWebgpuBackend | undefined {
  return engine().backendName === 'webgpu' ? (engine().backend as unknown as VggWebgpuBackend) : undefined;
}
