export { featureDistance, type LayerWeights, perceptualLoss } from './content';
export { LPIPS_TAPS, type LpipsWeights, lpips, lpipsWeights } from './lpips';
export { gramMatrices, gramMatrix, styleDistance, styleLoss } from './style';
