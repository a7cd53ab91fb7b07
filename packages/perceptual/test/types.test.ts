/** The losses as TypeScript sees them with loaded nets: `pnpm typecheck` fails where a type changes. */
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { isConfiguration, type Vgg } from '@vgg/models';
import type { LoadedNet } from '@vgg/weights';
import { describe, expectTypeOf, it } from 'vitest';
import { type LpipsWeights, lpips, perceptualLoss, styleLoss } from '../src/index';

declare const loaded: LoadedNet;
declare const linear: LpipsWeights;
declare const image: Tensor4D;

describe('the losses of a loaded net', () => {
  it('take taps that every net has', () => {
    () => perceptualLoss(loaded.model, image, image, { relu1_1: 1 });
    () => styleLoss(loaded.model, image, image, { relu1_1: 1, relu2_1: 1 });
  });

  it('compile with the layers of a configuration after its check', () => {
    () => {
      if (!isConfiguration(loaded.model, 'D')) return;
      expectTypeOf(loaded.model).toExtend<Vgg<'D'>>();
      lpips(loaded.model, linear, image, image);
      perceptualLoss(loaded.model, image, image, { relu3_3: 1 });
      // @ts-expect-error: net D has no relu3_4
      perceptualLoss(loaded.model, image, image, { relu3_4: 1 });
    };
  });

  it('refuse a net of another configuration', () => {
    () => {
      if (!isConfiguration(loaded.model, 'E')) return;
      // @ts-expect-error: LPIPS is defined by net D
      lpips(loaded.model, linear, image, image);
    };
  });
});
