/** The pictures that the demo draws for itself; what it trains on them is `recipes/demo.yaml`. */
import type { DemoImagesOptions } from './demo-images';

/** Pictures per class. */
export const DEMO_IMAGES: DemoImagesOptions = { train: 120, validation: 20, seed: 1 };
