import { tests } from '../../vitest.base.ts';

export default tests({
  deps: {
    optimizer: {
      ssr: {
        enabled: true,
        include: [
          '@tensorflow/tfjs-core',
          '@tensorflow/tfjs-core/dist/register_all_gradients',
          '@tensorflow/tfjs-backend-cpu',
        ],
      },
    },
  },
});
