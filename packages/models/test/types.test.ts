/** The public API as TypeScript sees it: `pnpm typecheck` fails where a name or type changes. */
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import { describe, expectTypeOf, it } from 'vitest';
import type {
  ApplyResult,
  Configuration,
  ConfigurationName,
  FreezableName,
  KerasTap,
  LayerName,
  Tap,
  TapName,
  TorchvisionTap,
  Vgg,
  VggOptions,
} from '../src/index';
import * as api from '../src/index';

describe('the API', () => {
  it('exports these values and no others', () => {
    expectTypeOf<keyof typeof api>().toEqualTypeOf<
      | 'CONFIGURATION_NAMES'
      | 'configurationText'
      | 'createVgg'
      | 'descriptor'
      | 'flatten'
      | 'foldBatchNorm'
      | 'formatSummary'
      | 'fromTrainedA'
      | 'globalAverage'
      | 'glorotInitialiser'
      | 'heInitialiser'
      | 'inputShape'
      | 'isConfiguration'
      | 'layerVariables'
      | 'layersNamed'
      | 'lentTensor'
      | 'normalInitialiser'
      | 'planLayers'
      | 'poolings'
      | 'resolveOptions'
      | 'resolveTap'
      | 'summarise'
      | 'zeroInitialiser'
    >();
  });

  it('knows the layers of each configuration', () => {
    type Fc = 'fc6' | 'fc7' | 'fc8';
    type A = '1_1' | '2_1' | '3_1' | '3_2' | '4_1' | '4_2' | '5_1' | '5_2';
    expectTypeOf<LayerName<'A'>>().toEqualTypeOf<`conv${A}` | `bn${A}` | Fc>();
    expectTypeOf<LayerName<'A-LRN'>>().toEqualTypeOf<LayerName<'A'>>();
    expectTypeOf<'conv3_3'>().toExtend<LayerName<'C'>>();
    expectTypeOf<'conv3_4'>().not.toExtend<LayerName<'D'>>();
    expectTypeOf<'conv5_4'>().toExtend<LayerName<'E'>>();
    expectTypeOf<'conv1_3'>().not.toExtend<LayerName>();
    expectTypeOf<'norm1'>().toExtend<TapName<'A-LRN'>>();
    expectTypeOf<'norm1'>().not.toExtend<TapName<'A'>>();
    expectTypeOf<'pool6'>().not.toExtend<TapName>();
    expectTypeOf<'relu8'>().not.toExtend<TapName>();
    expectTypeOf<'stage5' | 'features' | 'classifier' | 'conv1_1'>().toExtend<FreezableName<'B'>>();
  });

  it('infers the configuration and the taps', () => {
    const make = () => api.createVgg({ configuration: 'D' });
    expectTypeOf(make).returns.toEqualTypeOf<Vgg<'D'>>();
    type Images = Parameters<Vgg['apply']>[0];
    const tap = (net: Vgg<'D'>, images: Images) => net.apply(images, { taps: ['relu3_3', 'prob'] });
    expectTypeOf(tap).returns.toEqualTypeOf<ApplyResult<'relu3_3' | 'prob'>>();
    expectTypeOf<ReturnType<typeof tap>['taps']>().toEqualTypeOf<Record<'relu3_3' | 'prob', Tensor>>();
    expectTypeOf<ReturnType<typeof tap>['logits']>().toEqualTypeOf<Tensor2D>();
    const plain = (net: Vgg<'D'>, images: Images) => net.apply(images);
    expectTypeOf<keyof ReturnType<typeof plain>['taps']>().toEqualTypeOf<never>();
    // @ts-expect-error D has no fourth convolution in stage 3.
    const wrong = (net: Vgg<'D'>, images: Images) => net.apply(images, { taps: ['conv3_4'] });
    expectTypeOf(wrong).toBeFunction();
  });

  it("knows torchvision's and Keras's names of each configuration", () => {
    // vgg11 has 21 modules in `features`, with batch norm 29; vgg19 with batch norm 53.
    expectTypeOf<'features.0' | 'features.28' | 'classifier.6'>().toExtend<TorchvisionTap<'A'>>();
    expectTypeOf<'features.29'>().not.toExtend<TorchvisionTap<'A'>>();
    expectTypeOf<'features.52'>().toExtend<TorchvisionTap<'E'>>();
    expectTypeOf<'features.53'>().not.toExtend<TorchvisionTap<'E'>>();
    expectTypeOf<'classifier.2'>().not.toExtend<TorchvisionTap>();
    expectTypeOf<TorchvisionTap<'C'>>().toEqualTypeOf<never>();
    expectTypeOf<TorchvisionTap<'A-LRN'>>().toEqualTypeOf<never>();
    expectTypeOf<'block3_conv3' | 'block5_pool' | 'fc1' | 'predictions'>().toExtend<KerasTap<'D'>>();
    expectTypeOf<'block3_conv4'>().not.toExtend<KerasTap<'D'>>();
    expectTypeOf<'block3_conv4'>().toExtend<KerasTap<'E'>>();
    expectTypeOf<Tap<'D'>>().toEqualTypeOf<TapName<'D'> | TorchvisionTap<'D'> | KerasTap<'D'>>();
    expectTypeOf(api.resolveTap<'D'>).returns.toEqualTypeOf<TapName<'D'>>();
  });

  it('returns features by the requested names, and refuses those that the configuration lacks', () => {
    type Images = Parameters<Vgg['features']>[0];
    const asked = (net: Vgg<'D'>, images: Images) => net.features(images, ['features.15', 'block4_pool', 'relu1_2']);
    expectTypeOf(asked).returns.toEqualTypeOf<Record<'features.15' | 'block4_pool' | 'relu1_2', Tensor>>();
    // @ts-expect-error D has no fourth convolution in stage 3.
    const keras = (net: Vgg<'D'>, images: Images) => net.features(images, ['block3_conv4']);
    // @ts-expect-error B with batch norm ends at features.34.
    const torchvision = (net: Vgg<'B'>, images: Images) => net.features(images, ['features.35']);
    // @ts-expect-error D has no local response normalisation.
    const norm = (net: Vgg<'D'>, images: Images) => api.descriptor(net, images, { tap: 'norm1' });
    for (const wrong of [keras, torchvision, norm]) expectTypeOf(wrong).toBeFunction();
  });

  it('knows the layers of a literal table', () => {
    type Table = readonly [64, 64, 'M', { filters: 8; kernel: 1 }, 'LRN', 'pool', 32];
    expectTypeOf<Exclude<TapName<Table>, `${'fc' | 'relu'}${6 | 7 | 8}`>>().toEqualTypeOf<
      `${'conv' | 'bn' | 'relu'}${'1_1' | '1_2' | '2_1' | '3_1'}` | 'pool1' | 'pool2' | 'norm2' | 'prob'
    >();
    expectTypeOf<FreezableName<Table>>().toEqualTypeOf<
      LayerName<Table> | 'stage1' | 'stage2' | 'stage3' | 'features' | 'classifier'
    >();
    type Images = Parameters<Vgg['features']>[0];
    const make = () => api.createVgg({ configuration: [64, 'pool', 128] });
    const tap = (images: Images) => make().features(images, ['relu2_1', 'features.3', 'block2_conv1']);
    expectTypeOf(tap).returns.toEqualTypeOf<Record<'relu2_1' | 'features.3' | 'block2_conv1', Tensor>>();
    // @ts-expect-error the table has one convolution in stage 2.
    const wrong = (images: Images) => make().features(images, ['relu2_2']);
    expectTypeOf(wrong).toBeFunction();
    expectTypeOf<ReturnType<typeof make>>().toExtend<Vgg>();
  });

  it('checks the form of names of a net whose configuration is not known', () => {
    expectTypeOf<'relu7_12' | 'pool9' | 'features.99'>().toExtend<Tap<Configuration>>();
    expectTypeOf<'reluu1_1'>().not.toExtend<Tap<Configuration>>();
  });

  it('accepts every net as a Vgg, and options from JSON', () => {
    expectTypeOf<Vgg<'A'>>().toExtend<Vgg>();
    expectTypeOf(api.createVgg<ConfigurationName>)
      .parameter(0)
      .toEqualTypeOf<VggOptions<ConfigurationName>>();
    expectTypeOf(api.createVgg<Configuration>)
      .parameter(0)
      .toEqualTypeOf<VggOptions>();
    expectTypeOf<Vgg['variables']>().toEqualTypeOf<ReadonlyMap<string, Variable>>();
  });
});
