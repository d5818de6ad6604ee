/** The rules of a bump: which versions the application and the chart may move to. */

import type { Day } from "../lib/calendar.ts";
import { type Chart, chartManifest } from "../lib/files/chart.ts";
import type { Versions } from "../lib/files/references.ts";
import { error, type Finding, type Place } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { compareVersions, type Version } from "../lib/version.ts";

/** What the operator asks for. */
export interface BumpRequest {
  readonly version: Version;
  /** The chart's own version, if it is to be another one. */
  readonly chart: Version | undefined;
  /** Whether only the chart moves: its version and its changelog, not its `appVersion`. */
  readonly chartOnly: boolean;
  readonly date: Day;
  /** Whether a version may be the current one: to finish a bump that was cut off. */
  readonly allowSame: boolean;
}

/** What a tree states before the bump. */
export interface Current {
  readonly application: Version;
  /** Where the workspace states it. */
  readonly at: Place;
  /** Undefined if there is no chart. */
  readonly chart: Chart | undefined;
}

/** What moves to which version, and the application's version when that is done. */
export interface Targets {
  readonly versions: Versions;
  readonly application: Version;
}

/** Finds the versions that a request means; `faults` say what stands against them. */
export function findTargets(
  request: BumpRequest,
  current: Current,
): { readonly targets: Targets; readonly faults: readonly Finding[] } {
  return request.chartOnly ? chartTargets(request, current) : applicationTargets(request, current);
}

function applicationTargets(request: BumpRequest, current: Current) {
  const { version, allowSame } = request;
  const { application, chart } = current;
  const own = request.chart ?? defaultChart(request, current);
  const versions: Versions =
    chart === undefined
      ? { application: version }
      : { application: version, appVersion: version, chart: own };
  const faults = [
    ...(isReachable(version, application, allowSame) ? [] : [notGreater(version, current)]),
    ...chartFaults(request, own, current),
  ];
  return { targets: { versions, application: version }, faults };
}

/** The chart's version if none is named: the application's, unless a re-run finds it ahead. */
function defaultChart(request: BumpRequest, { application, chart }: Current): Version {
  const { version } = request;
  const found = chart?.version.value;
  const isAhead = found !== undefined && compareVersions(found, version) > 0;
  return isAhead && isRerun(request, application) ? found : version;
}

/**
 * Whether a request repeats a bump that was cut off. Files are replaced in the order of their
 * paths, Cargo.toml before the chart: a chart that has moved belongs to a workspace that has.
 */
function isRerun({ allowSame, chartOnly, version }: BumpRequest, application: Version): boolean {
  return allowSame && (chartOnly || version === application);
}

function chartTargets(request: BumpRequest, current: Current) {
  const { application } = current;
  const own = request.chart ?? request.version;
  const faults = [
    ...(request.chart === undefined || request.version === application
      ? []
      : [
          error(
            `Cannot bump the chart alone: the application is at ${application}, found ${request.version} beside --chart`,
            { remedy: `Name the chart's version alone: ${request.chart} --chart-only` },
          ),
        ]),
    ...chartFaults(request, own, current),
  ];
  return { targets: { versions: { chart: own }, application }, faults };
}

function isReachable(version: Version, current: Version, allowSame: boolean): boolean {
  const order = compareVersions(version, current);
  return order > 0 || (allowSame && order === 0);
}

function notGreater(version: Version, { application, at }: Current): Finding {
  const found = `found the workspace at ${application}, expected a lower version`;
  const remedy = wayOut(version, application);
  return error(`Cannot bump to ${version}: ${found}`, { at, remedy });
}

function wayOut(version: Version, current: Version): string {
  const greater = `Name a version greater than ${current}`;
  return version === current
    ? `${greater}, or finish a bump that was cut off with --allow-same`
    : greater;
}

function chartFaults(
  request: BumpRequest,
  own: Version,
  { application, chart }: Current,
): readonly Finding[] {
  const isAsked = request.chart !== undefined || request.chartOnly;
  if (chart === undefined) {
    return isAsked ? [noChart()] : [];
  }
  const { value, at } = chart.version;
  if (isReachable(own, value, isRerun(request, application))) {
    return [];
  }
  const found = `Cannot bump the chart to ${own}: found it at ${value}`;
  if (isAsked || compareVersions(value, application) <= 0) {
    return [error(`${found}, expected a lower version`, { at, remedy: wayOut(own, value) })];
  }
  return [
    error(`${found}, as chart-only releases have run ahead, expected a lower version`, {
      at,
      remedy: `The next application release jumps past them: name a version greater than ${value}, or the chart's own with --chart A.B.C`,
    }),
  ];
}

function noChart(): Finding {
  return error(`Cannot bump the chart: there is no ${chartManifest(layout.chart)}`, {
    remedy:
      "Leave out --chart and --chart-only, or name the chart's folder in scripts/lib/layout.ts",
  });
}
