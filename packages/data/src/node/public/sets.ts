/**
 * Download URL, size and checksum of the public data sets that are known by name.
 *
 * Several independent projects recorded the same sizes and SHA-256 sums when they downloaded these files (among them TensorFlow
 * Datasets for CIFAR). The MD5 sums are those that the publishers or torchvision name for the same files.
 */
import type { ExpectedHash } from '@vgg/core/node';

export interface PublicDataSet {
  readonly name: string;
  /** Address of its archive. */
  readonly url: string;
  /** Size of the archive in bytes. */
  readonly size: number;
  readonly hash: ExpectedHash;
  /** End of the name of the compressed tar archive inside a zip archive. Default: the archive is not a zip archive. */
  readonly member?: string | undefined;
  /** Numbers of classes and images that the unpacked data set must have. */
  readonly classes: number;
  readonly train: number;
  readonly validation: number;
  /** Largest number of bytes and files of the unpacked data set. */
  readonly unpacked: { readonly bytes: number; readonly files: number };
}

const MIB = 2 ** 20;

export const PUBLIC_DATA_SETS = {
  /** MD5 c32a1d4ab5d03f1284b67883e8d87530. */
  cifar10: {
    name: 'cifar10',
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    size: 170_052_171,
    hash: 'sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
    classes: 10,
    train: 50_000,
    validation: 10_000,
    unpacked: { bytes: 190 * MIB, files: 20 },
  },
  /** MD5 03b5dce01913d631647c71ecec9e9cb8. */
  cifar100: {
    name: 'cifar100',
    url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
    size: 168_513_733,
    hash: 'sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
    classes: 100,
    train: 50_000,
    validation: 10_000,
    unpacked: { bytes: 190 * MIB, files: 20 },
  },
  /** Ten classes of ImageNet, smallest side 320 pixels. MD5 3df6f0d01a2c9592104656642f5e78a3. */
  imagenette: {
    name: 'imagenette',
    url: 'https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz',
    size: 341_663_724,
    hash: 'sha256:569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c',
    classes: 10,
    train: 9469,
    validation: 3925,
    unpacked: { bytes: 500 * MIB, files: 20_000 },
  },
  /** 101 categories of objects and BACKGROUND_Google, as in appendix B. MD5 3138e1922a9193bfa496528edbbc45d0. */
  caltech101: {
    name: 'caltech101',
    url: 'https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip',
    size: 137_414_764,
    hash: 'sha256:331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91',
    member: '/101_ObjectCategories.tar.gz',
    classes: 102,
    train: 9144,
    validation: 0,
    unpacked: { bytes: 300 * MIB, files: 12_000 },
  },
} as const satisfies Record<string, PublicDataSet>;

export type PublicDataSetName = keyof typeof PUBLIC_DATA_SETS;

export function isPublicDataSet(name: string): name is PublicDataSetName {
  return Object.hasOwn(PUBLIC_DATA_SETS, name);
}
