/** Recognises files by their names: images, archives, and the files that operating systems leave. */
import { extname } from 'node:path';
import sharp from 'sharp';

/** Extensions of HEIC files, which only some builds of libvips can decode. */
const HEIC: readonly string[] = ['.heic', '.heif'];

/** Suffixes that libvips reads as HEIF, which its types leave out. */
function heifSuffixes(): readonly string[] {
  const { heif } = sharp.format as unknown as Record<string, { input: { fileSuffix?: readonly string[] } } | undefined>;
  return heif?.input.fileSuffix ?? [];
}

/**
 * Extensions of image files, in upper or lower case, in the order in which a sample of a tar shard prefers them. HEIC is among
 * them if this build of libvips decodes it.
 */
export const IMAGE_EXTENSIONS: readonly string[] = [
  '.jpg',
  '.jpeg',
  '.png',
  '.webp',
  '.gif',
  '.tif',
  '.tiff',
  '.avif',
  '.jfif',
  '.jpe',
  '.jif',
  '.pjpeg',
  '.pjp',
  '.bmp',
  '.dib',
  '.ppm',
  '.pgm',
  '.pbm',
  '.pnm',
  ...HEIC.filter((extension) => heifSuffixes().includes(extension)),
];

const IMAGES: ReadonlySet<string> = new Set(IMAGE_EXTENSIONS);

/** Extensions of image formats that are not read. */
const OTHER_FORMATS: ReadonlySet<string> = new Set(
  [
    ...HEIC,
    ...'.jxl .jp2 .j2k .jpf .jpx .jpm .jxr .hdp .wdp .svg .svgz .psd .psb .xcf .ico .cur .tga .pcx .exr .hdr .dds .eps'.split(
      ' ',
    ),
    ...'.pdf .raw .dng .cr2 .cr3 .crw .nef .nrw .arw .srf .orf .rw2 .raf .pef .dcm .npy .apng .mng .pam .pfm .qoi'.split(
      ' ',
    ),
  ].filter((extension) => !IMAGES.has(extension)),
);

const ARCHIVE = /\.(tar|tar\.[a-z0-9]+|tgz|tbz2?|txz|zip|rar|7z|gz|bz2|xz|zst)$/i;

/** Kind of a file by its name. */
export type FileKind = 'image' | 'format' | 'archive' | 'nameless' | 'other';

export function isImageName(name: string): boolean {
  return IMAGES.has(extensionOf(name));
}

/** Returns the extension of a name in lower case, with its dot; empty if there is none. */
export function extensionOf(name: string): string {
  return extname(name).toLowerCase();
}

export function fileKind(name: string): FileKind {
  const extension = extensionOf(name);
  if (IMAGES.has(extension)) return 'image';
  if (OTHER_FORMATS.has(extension)) return 'format';
  if (ARCHIVE.test(name)) return 'archive';
  return extension === '' ? 'nameless' : 'other';
}

/** True for the name or path of a tar archive, in upper or lower case. */
export function isTar(name: string): boolean {
  return extensionOf(name) === '.tar';
}

/**
 * Names that operating systems, network storage and archivers give to their own files and folders, in lower case. Names that
 * begin with a dot are recognised by the dot.
 */
const SYSTEM_NAMES: ReadonlySet<string> = new Set([
  // macOS, and archives made on it
  '__macosx',
  'icon\r',
  'network trash folder',
  'temporary items',
  'thefindbycontentfolder',
  'thevolumesettingsfolder',
  // Windows
  'thumbs.db',
  'ehthumbs.db',
  'ehthumbs_vista.db',
  'desktop.ini',
  '$recycle.bin',
  'recycled',
  'recycler',
  'found.000',
  'system volume information',
  // Synology, QNAP and other network storage
  '@eadir',
  '@synoeastream',
  '@synoresource',
  '@tmp',
  '@sharebin',
  '@transcode',
  '#recycle',
  '#snapshot',
  '~snapshot',
  '@recycle',
  '@recently-snapshot',
  // Linux
  'lost+found',
  // Python, version control
  '__pycache__',
  'cvs',
  // tar programs that do not know extended headers
  'paxheader',
  'paxheaders',
  '@paxheader',
  '@longlink',
]);

/** True for hidden files and folders, and for those that a system or an archiver made for itself. */
export function isSystemName(name: string): boolean {
  return name.startsWith('.') || SYSTEM_NAMES.has(name.toLowerCase()) || /^(PaxHeaders?\.\d|~\$)/.test(name);
}

/** Compares names by code unit, so that the order does not depend on the locale. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
