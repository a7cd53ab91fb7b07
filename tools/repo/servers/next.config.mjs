/** The one line of configuration that the READMEs of `@vgg/vgg` and `@vgg/backend-onednn` give. */
export default { serverExternalPackages: ['@vgg/backend-onednn', '@vgg/data', '@tensorflow/tfjs-core'] };
