/** Content of a report as plain JSON: made in Node, embedded in `report.html`, sent to the live page, drawn by `page/`. */

/** Column of a chart; null where there is no value. All columns of a group have one length. */
export type Column = readonly (number | null)[];

export interface Curves {
  /** Values along training. Each point stands for one step or for several in a row. */
  readonly steps: {
    /** Epochs done, with fractions. */
    readonly epoch: Column;
    readonly loss: Column;
    /** Top-1 and top-5 error in %. */
    readonly top1: Column;
    readonly top5: Column;
    readonly rate: Column;
    readonly imagesPerSecond: Column;
  };
  /** Values of the validation images after each epoch that was validated. */
  readonly validation: { readonly epoch: Column; readonly loss: Column; readonly top1: Column; readonly top5: Column };
}

/** Time of a run by activity, in seconds. */
export interface TimeSpent {
  readonly computing: number;
  /** Waiting for images that were not ready. */
  readonly waiting: number;
  readonly validating: number;
  /** Writing checkpoints. */
  readonly saving: number;
  /** Part of `computing` in which rank 0 of a job waited for the others. */
  readonly ranks?: RankTime | undefined;
}

/** Time that rank 0 of a job waited for the others, in seconds. */
export interface RankTime {
  readonly seconds: number;
  /** The rank that came last for the longest time, and the part of `seconds` that was spent on it. */
  readonly slowest: { readonly rank: number; readonly seconds: number };
}

export interface ResultRow {
  readonly protocol: string;
  /** Test scales Q. */
  readonly scales: readonly number[];
  /** Number of images. */
  readonly images: number;
  /** Name of the images: `validation`, `train`, `all` or a folder. */
  readonly of: string;
  /** Top-1 and top-5 error in %. */
  readonly top1: number | null;
  /** Null with five classes or fewer. */
  readonly top5: number | null;
  /** Mean F1 of the classes and expected calibration error, from 0 to 1; absent if they were not measured. */
  readonly f1?: number | null | undefined;
  readonly calibrationError?: number | null | undefined;
}

/** Precision, recall and F1 of a class, from 0 to 1; null where they divide by 0 images. */
export interface ClassFigures {
  readonly name: string;
  /** Number of images of the class. */
  readonly images: number;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
}

/** Figures of classes: all, or those with the lowest F1. */
export interface ClassTable {
  readonly rows: readonly ClassFigures[];
  /** Number of all classes that have images. */
  readonly of: number;
  readonly images: number;
  readonly protocol: string;
}

/** Table of text cells. */
export interface PrintedTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Number of text columns, from the left. The others hold numbers. */
  readonly textColumns: number;
}

/** Bars of errors in %, with a reference next to each, such as the paper's. */
export interface BarChart {
  readonly title: string;
  readonly bars: readonly {
    readonly label: string;
    readonly value: number;
    /** One standard error. */
    readonly error: number;
    /** Value of the reference; undefined if it has none. */
    readonly reference?: number | undefined;
  }[];
}

export interface Confusion {
  /** Classes shown: all, or those most confused. */
  readonly classes: readonly string[];
  /** Images of class `row` predicted as class `column`, row after row. */
  readonly counts: readonly number[];
  /** Images of each class shown, including those predicted as classes that are not shown. */
  readonly totals: readonly number[];
  readonly images: number;
  /** Number of all classes. */
  readonly of: number;
  readonly protocol: string;
}

/** Image as a data URI. */
export interface EmbeddedImage {
  readonly src: string;
  readonly width: number;
  readonly height: number;
}

export interface Mistake {
  /** Null if the image can no longer be read. */
  readonly image: EmbeddedImage | null;
  readonly key: string;
  readonly label: string;
  readonly predicted: string;
  readonly probability: number;
}

export interface HeatMap {
  readonly image: EmbeddedImage;
  /** Values of the darkest and the brightest colour, as text. */
  readonly low: string;
  readonly high: string;
  readonly overlay: EmbeddedImage;
  readonly key: string;
  readonly label: string;
  readonly predicted: string;
  readonly probability: number;
}

export interface LabelledImage {
  readonly image: EmbeddedImage;
  readonly label: string;
}

/** Names and values, for example of the net, the data, the recipe or the environment. */
export interface Facts {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, value: string])[];
}

/** Current activity of a run under way. */
export interface Activity {
  /** `training`, `validation`, ... */
  readonly what: string;
  /** Part of the epoch and of the run that is done, 0 to 1. */
  readonly epochPart: number;
  readonly runPart: number;
  /** Seconds left; null while they cannot be estimated. */
  readonly left: number | null;
  /** Recent training speed; null before the first step. */
  readonly imagesPerSecond: number | null;
}

export type RunState = 'training' | 'evaluating' | 'complete' | 'interrupted' | 'unfinished';

export interface Headline {
  readonly state: RunState;
  /** Epochs finished, and epochs planned. */
  readonly epoch: number;
  readonly epochs: number;
  /** Best top-1 error so far in %, and the epoch after which it was measured, counted from 1. */
  readonly best: { readonly top1: number; readonly epoch: number; readonly validation: boolean } | null;
  /** Training time in seconds. */
  readonly seconds: number;
  readonly imagesPerSecond: number | null;
}

/** Parts of a report that change with every step. */
export interface Progressing {
  readonly headline: Headline;
  readonly curves: Curves;
  readonly time: TimeSpent;
  readonly activity: Activity | null;
}

/** Sections that can be empty. */
export type Section = 'results' | 'confusion' | 'mistakes' | 'heatMaps' | 'crops' | 'filters';

/** Report of one run. */
export interface ReportData extends Progressing {
  readonly kind: 'run';
  readonly name: string;
  /** One line that describes the run. */
  readonly summary: string;
  /** Time at which the report was made, ISO 8601. */
  readonly made: string;
  /** Number of classes; null if it is not known. With five or fewer there is no top-5 error. */
  readonly classes: number | null;
  /** Number of guesses that the top-5 error allows. */
  readonly k: number;
  readonly results: readonly ResultRow[];
  readonly confusion: Confusion | null;
  /** Precision, recall and F1 by class. */
  readonly perClass: ClassTable | null;
  readonly mistakes: readonly Mistake[];
  readonly heatMaps: readonly HeatMap[];
  readonly crops: readonly LabelledImage[];
  /** Filters of the first layer. */
  readonly filters: EmbeddedImage | null;
  readonly facts: readonly Facts[];
  /** Reasons why sections are empty. An empty section without a reason is left out. */
  readonly missing: Readonly<Partial<Record<Section, string>>>;
}

/** Report of several runs: tables, and links to the report of each run. */
export interface StudyData {
  readonly kind: 'study';
  readonly name: string;
  readonly summary: string;
  readonly made: string;
  readonly tables: readonly PrintedTable[];
  readonly charts: readonly BarChart[];
  readonly notes: readonly string[];
  /** Addresses relative to the file. */
  readonly runs: readonly { readonly name: string; readonly href: string }[];
  readonly facts: readonly Facts[];
}
