/** Kernels of TF.js's CPU backend that the stock WebGPU backend lacks: run there, on numbers that are in JavaScript. */
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import type { KernelConfig, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs-core';
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
      const copies: [string, TensorInfo][] = Object.entries(inputs)
        .filter(([, info]) => info !== undefined && info !== null)
        .map(([name, info]) => [
          name,
          host.makeTensorInfo(info!.shape, info!.dtype, webgpu.readSync(info!.dataId) as never),
        ]);
      const outputs = config.kernelFunc({
        inputs: Object.fromEntries(copies),
        attrs: attrs as NamedAttrMap,
        backend: host,
      });
      const moved = [outputs].flat().map(({ dataId, shape, dtype }) => {
        return webgpu.makeTensorInfo(shape, dtype, host.readSync(dataId) as never);
      });
      for (const { dataId } of [...copies.map(([, info]) => info), ...[outputs].flat()]) host.disposeData(dataId, true);
      return Array.isArray(outputs) ? moved : moved[0]!;
    },
  };
}
