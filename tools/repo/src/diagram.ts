/** The diagram of docs/architecture.md as a graph, and what a graph of packages must satisfy. */

/** Each package or application and those that an arrow leads to from it. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the flow chart of a Markdown text. A node is named by the first line of its label, without `apps/`. */
export function readDiagram(markdown: string): Graph {
  const [, chart = ''] = /^```mermaid\n([\s\S]*?)^```/m.exec(markdown) ?? [];
  const names = new Map(
    Array.from(chart.matchAll(/^ *(\w+)\["(?:apps\/)?([^"<]+)/gm), ([, id, name]) => [id!, name!] as const),
  );
  const graph = new Map(Array.from(names.values(), (name) => [name, new Set<string>()]));
  const named = (ids: string) => ids.split('&').map((id) => names.get(id.trim()) ?? `no node ${id.trim()}`);
  for (const [, from, to] of chart.matchAll(/^ *([\w &]+?) *--> *([\w &]+?) *$/gm)) {
    for (const name of named(from!)) graph.set(name, new Set([...(graph.get(name) ?? []), ...named(to!)]));
  }
  return graph;
}

/** Returns everything that arrows lead to from `name`, itself only in a circle. */
export function below(graph: Graph, name: string): Set<string> {
  const found = new Set<string>();
  const waiting = [...(graph.get(name) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    waiting.push(...(graph.get(next) ?? []));
  }
  return found;
}

/** Returns the graph without the edges that others imply: its transitive reduction. It must have no circle. */
export function reduced(graph: Graph): Graph {
  return new Map(
    Array.from(graph, ([name, targets]) => {
      const implied = new Set([...targets].flatMap((target) => [...below(graph, target)]));
      return [name, new Set([...targets].filter((target) => !implied.has(target)))];
    }),
  );
}

/** Returns one line for each edge, in the order of the alphabet. */
export function edges(graph: Graph): string[] {
  return Array.from(graph, ([name, targets]) => Array.from(targets, (target) => `${name} -> ${target}`))
    .flat()
    .sort();
}
