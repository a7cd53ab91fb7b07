/** Kernels of TF.js's CPU backend that the stock WebGPU backend lacks: run there, on numbers that are in JavaScript. */
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import type { KernelConfig, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import type { VggWebgpuBackend } from '../backend';

let cpu: MathBackendCPU | undefined;

/** The CPU kernel for this backend. In Node its inputs must not be on the GPU alone, since nothing can wait for that there. */
export function forwarded(config: KernelConfig): KernelConfig {
  return {
    ...config,
    backendName: 'webgpu',
    kernelFunc: ({ inputs, attrs, backend }) => {
      cpu ??= new MathBackendCPU();
      const [host, webgpu] = [cpu, backend as VggWebgpuBackend];
      const copies: TensorInfo[] = [];
      const copied = (info: TensorInfo): TensorInfo => {
        const copy = host.makeTensorInfo(info.shape, info.dtype, webgpu.readSync(info.dataId) as never);
        copies.push(copy);
        return copy;
      };
      // Some kernels have lists of tensors for inputs.
      const given = Object.entries(inputs as Record<string, TensorInfo | TensorInfo[] | undefined>)
        .filter(([, info]) => info !== undefined && info !== null)
        .map(([name, info]) => [name, Array.isArray(info) ? info.map(copied) : copied(info!)]);
      const outputs = config.kernelFunc({
        inputs: Object.fromEntries(given) as NamedTensorInfoMap,
        attrs: attrs as NamedAttrMap,
        backend: host,
      });
      const moved = [outputs].flat().map(({ dataId, shape, dtype }) => {
        return webgpu.makeTensorInfo(shape, dtype, host.readSync(dataId) as never);
      });
      for (const { dataId } of [...copies, ...[outputs].flat()]) host.disposeData(dataId, true);
      return Array.isArray(outputs) ? moved : moved[0]!;
    },
  };
}
