/** Charts of a study: error by depth, by scale and by protocol, next to the paper's. */
import type { BarChart } from '@vgg/report';
import { TABLE_5, TABLES_3_AND_4 } from './figures';
import { deepest, type StudyNet } from './nets';
import type { StudyResults, VariantResult } from './results';
import { distinctNets, scaleText } from './tables';

function bar(label: string, result: VariantResult | undefined, paper: number | undefined): BarChart['bars'] {
  if (result === undefined) return [];
  return [{ label, value: result.top1.error, error: result.top1.standardError, reference: paper }];
}

/** Returns the charts with two bars or more. */
export function studyCharts(results: StudyResults): BarChart[] {
  const nets = distinctNets(results.nets);
  const scales = [...new Set(nets.map(({ paperScale }) => paperScale))];
  const dense = (net: StudyNet, mode: 'single' | 'multi', label: string) => {
    const known = TABLES_3_AND_4.find(({ config, scale }) => config === net.config && scale === net.paperScale);
    return bar(label, results.result({ ids: [net.id], measure: `dense:${mode}` }), known?.[mode]?.[0]);
  };
  const nameOf = ({ config, scale }: StudyNet) => `${config}, S = ${scaleText(scale)}`;
  const byDepth = scales.map((scale): BarChart => {
    const at = nets.filter(({ paperScale }) => paperScale === scale);
    return {
      title: `Error by depth, S = ${scaleText(at[0]!.scale)}, one Q`,
      bars: at.flatMap((net) => dense(net, 'single', net.config)),
    };
  });
  const several = nets.filter((net) => nets.filter(({ config }) => config === net.config).length > 1);
  const byScale: BarChart = {
    title: 'Error by training scale, several Q',
    bars: several.flatMap((net) => dense(net, 'multi', nameOf(net))),
  };
  const byProtocol: BarChart = {
    title: 'Error by protocol, several Q',
    bars: distinctNets(deepest(results.nets)).flatMap((net) =>
      (['single', 'dense', 'multi-crop', 'both'] as const).flatMap((protocol) => {
        const known = net.paperScale === '256:512' ? TABLE_5.find(({ config }) => config === net.config) : undefined;
        const figures = protocol === 'single' ? undefined : known?.[protocol];
        return bar(
          `${nameOf(net)}, ${protocol}`,
          results.result({ ids: [net.id], measure: `${protocol}:multi` }),
          figures?.[0],
        );
      }),
    ),
  };
  return [...byDepth, byScale, byProtocol].filter(({ bars }) => bars.length > 1);
}
