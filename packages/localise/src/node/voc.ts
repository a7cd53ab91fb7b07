/** Annotations in the XML of PASCAL VOC and ILSVRC: one file for each image. */
import { SaxesParser } from 'saxes';
import { type AnnotatedObject, type Annotation, annotationError, numberOf } from './annotation';

/** Element of an XML file: its text and its children. */
interface Element {
  readonly name: string;
  text: string;
  readonly children: Element[];
}

/** Depth and number of elements beyond which a file is not an annotation. */
const MAX_DEPTH = 32;
const MAX_ELEMENTS = 100_000;

/**
 * Parses XML into elements. A document type is refused, so that there are no entities but those of XML itself: an annotation needs
 * none, and they can be made to fill the memory or to read other files.
 */
function parseXml(text: string, place: string): Element {
  const parser = new SaxesParser();
  const root: Element = { name: '', text: '', children: [] };
  const open = [root];
  let count = 0;
  parser.on('doctype', () => {
    throw annotationError(place, 'a document type is not allowed in an annotation: remove <!DOCTYPE ...>');
  });
  parser.on('error', (error) => {
    throw annotationError(place, `not well-formed XML (line:column ${error.message.replace(/^undefined:/, '')})`);
  });
  parser.on('opentag', ({ name }) => {
    count += 1;
    if (open.length > MAX_DEPTH || count > MAX_ELEMENTS) throw annotationError(place, 'too many XML elements');
    const element: Element = { name, text: '', children: [] };
    open.at(-1)!.children.push(element);
    open.push(element);
  });
  parser.on('text', (part) => {
    open.at(-1)!.text += part;
  });
  parser.on('closetag', () => {
    open.pop();
  });
  parser.write(text).close();
  return root.children[0]!;
}

function child(element: Element | undefined, name: string): Element | undefined {
  return element?.children.find((one) => one.name === name);
}

function textOf(element: Element | undefined, name: string): string | undefined {
  return child(element, name)?.text.trim();
}

/**
 * Reads one annotation. Its box covers the pixels from `xmin` to `xmax` and `ymin` to `ymax`, both counted from 1 and included, as
 * in VOC; ILSVRC's start at 0, so a box at the border may be one pixel off.
 * @param place name of the file in messages.
 * @throws VggError `VGG_DATASET`, one line, for XML that is not well-formed, has a document type or lacks an element.
 */
export function parseVoc(text: string, place: string): Annotation {
  const root = parseXml(text, place);
  if (root.name !== 'annotation') {
    throw annotationError(place, `expected <annotation> as the root of the XML, got <${root.name}>`);
  }
  const image = textOf(root, 'filename');
  if (!image) throw annotationError(place, 'expected <filename> with the name of the image, got none');
  const size = child(root, 'size');
  const side = (name: string) => numberOf(textOf(size, name), `<${name}> of <size>`, place);
  const objects = root.children
    .filter(({ name }) => name === 'object')
    .map((object): AnnotatedObject => {
      const name = textOf(object, 'name');
      if (!name) throw annotationError(place, 'expected <name> in every <object>, got none');
      const bounds = child(object, 'bndbox');
      const edge = (key: string) => numberOf(textOf(bounds, key), `<${key}> of <bndbox>`, place);
      const left = edge('xmin') - 1;
      const top = edge('ymin') - 1;
      return { name, box: { left, top, width: edge('xmax') - left, height: edge('ymax') - top } };
    });
  return { image, size: size && { width: side('width'), height: side('height') }, objects, place };
}
