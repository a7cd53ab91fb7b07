/** Choice of an adapter and the device on it: all limits, all features that kernels use. */
import { VggError } from '@vgg/core';
import { adapterNames, openGpu } from './gpu';

/** Optional features, requested if the adapter has them. */
const FEATURES = [
  'shader-f16',
  'subgroups',
  'subgroup-size-control',
  'chromium-experimental-subgroup-matrix',
  'timestamp-query',
  'bgra8unorm-storage',
] as const;

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|software|basic render/i;

export interface DeviceChoice {
  adapter?: number | string | undefined;
  software: boolean;
}

export interface OpenDevice {
  device: GPUDevice;
  info: GPUAdapterInfo;
  /** The adapter's name for people. */
  name: string;
  /** True if the adapter computes on the CPU. */
  software: boolean;
}

function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter === true || SOFTWARE.test(`${info.architecture} ${info.device} ${info.description}`);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'there is none here' : names.map((name, i) => `${i}: ${name}`).join(', ');
}

/** The name of the adapter asked for, or undefined for the system's choice. */
async function resolveName(asked: number | string | undefined): Promise<string | undefined> {
  if (asked === undefined) return undefined;
  const names = await adapterNames();
  const wanted = String(asked).toLowerCase();
  const found = typeof asked === 'number' ? names[asked] : names.find((name) => name.toLowerCase().includes(wanted));
  if (found === undefined) {
    throw new VggError('backend', `expected a GPU of this machine, got "${asked}": ${listed(names)}`);
  }
  const place = names.indexOf(found);
  if (typeof asked === 'number' && place !== asked) {
    throw new VggError(
      'backend',
      `GPUs ${place} and ${asked} have one name, "${found}", and WebGPU finds only the first: hide GPU ${place} from the driver`,
    );
  }
  return found;
}

/** The dictionary of limits, which are getters of the prototype. */
function allLimits(limits: GPUSupportedLimits): Record<string, number> {
  const all: Record<string, number> = {};
  for (const name in limits) {
    const value = (limits as unknown as Record<string, unknown>)[name];
    if (typeof value === 'number') all[name] = value;
  }
  return all;
}

/**
 * Opens a device on the adapter asked for, or on the fastest one.
 * @throws VggError `VGG_BACKEND` when there is none, when only the CPU would compute and that was not asked for, or when
 *   the device does not start.
 */
export async function openDevice({ adapter: asked, software }: DeviceChoice): Promise<OpenDevice> {
  const gpu = await openGpu(await resolveName(asked));
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null)
    throw new VggError('backend', 'WebGPU finds no GPU here: install its driver, or use another engine');
  const { info } = adapter;
  const name = info.description || info.device || `${info.vendor} ${info.architecture}`.trim() || 'a GPU';
  const onCpu = isSoftware(info);
  if (onCpu && !software && typeof asked !== 'string') {
    throw new VggError(
      'backend',
      `WebGPU finds no GPU here but ${name}, which computes on the CPU: use another engine, or set software to true`,
    );
  }
  const requiredFeatures = FEATURES.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[];
  try {
    const device = await adapter.requestDevice({ requiredFeatures, requiredLimits: allLimits(adapter.limits) });
    return { device, info, name, software: onCpu };
  } catch (cause) {
    throw new VggError('backend', `the device of ${name} does not start: ${(cause as Error).message}`, { cause });
  }
}
