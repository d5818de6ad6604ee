/** Decides which versions a bump sets for the application and the chart. */

import type { Day } from "../lib/calendar.ts";
import { chartManifest } from "../lib/files/chart.ts";
import type { Versions } from "../lib/files/references.ts";
import { error, type Finding, type Place } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { compareVersions, type Version } from "../lib/version.ts";

/** What the operator asked for. */
export interface BumpRequest {
  readonly version: Version;
  /** The chart's version, if it differs from `version`. */
  readonly chart: Version | undefined;
  /** Whether only the chart's version and changelog change, not `appVersion`. */
  readonly chartOnly: boolean;
  readonly date: Day;
  /** Whether the current version is accepted, to finish an interrupted bump. */
  readonly allowSame: boolean;
}

/** A version and its place. */
export interface StatedVersion {
  readonly value: Version;
  place(): Place;
}

/** The versions before the bump. */
export interface Current {
  readonly application: StatedVersion;
  /** Undefined if there is no chart. */
  readonly chart: StatedVersion | undefined;
}

/** The versions that a bump sets, and the application's version after it. */
export interface Targets {
  readonly versions: Versions;
  readonly application: Version;
}

/** Returns the versions that a request sets, and the errors that refuse them. */
export function findTargets(
  request: BumpRequest,
  current: Current,
): { readonly targets: Targets; readonly faults: readonly Finding[] } {
  const { version, chartOnly, allowSame } = request;
  const { application, chart } = current;
  // A bump writes Cargo.toml before the chart: if it was interrupted after the chart, the workspace
  // has its version too.
  const isRerun = allowSame && (chartOnly || version === application.value);
  const isAhead = chart !== undefined && compareVersions(chart.value, version) > 0;
  const own = request.chart ?? (isAhead && isRerun && !chartOnly ? chart.value : version);
  const faults = chartFaults(request, own, isRerun, current);
  if (chartOnly) {
    return { targets: { versions: { chart: own }, application: application.value }, faults };
  }
  const versions =
    chart === undefined
      ? { application: version }
      : { application: version, appVersion: version, chart: own };
  const found = `found the workspace at ${application.value}, expected a lower version`;
  const fault = error(`Cannot bump to ${version}: ${found}`, {
    at: application.place,
    remedy: wayOut(version, application.value),
  });
  const isFree = isReachable(version, application.value, allowSame);
  return {
    targets: { versions, application: version },
    faults: isFree ? faults : [fault, ...faults],
  };
}

function isReachable(version: Version, current: Version, allowSame: boolean): boolean {
  const order = compareVersions(version, current);
  return order > 0 || (allowSame && order === 0);
}

function wayOut(version: Version, current: Version): string {
  const greater = `Name a version greater than ${current}`;
  return version === current
    ? `${greater}, or finish an interrupted bump with --allow-same`
    : greater;
}

function chartFaults(
  { version, chartOnly, chart: named }: BumpRequest,
  own: Version,
  isRerun: boolean,
  { application, chart }: Current,
): readonly Finding[] {
  const isAsked = named !== undefined || chartOnly;
  const faults: Finding[] = [];
  if (chartOnly && named !== undefined && version !== application.value) {
    faults.push(
      error(
        `Cannot bump the chart alone: the application is at ${application.value}, found ${version} beside --chart`,
        { remedy: `Name the chart's version alone: ${named} --chart-only` },
      ),
    );
  }
  if (chart === undefined && isAsked) {
    faults.push(
      error(`Cannot bump the chart: there is no ${chartManifest(layout.chart)}`, {
        remedy:
          "Leave out --chart and --chart-only, or name the chart's folder in scripts/lib/layout.ts",
      }),
    );
  }
  if (chart !== undefined && !isReachable(own, chart.value, isRerun)) {
    const { value, place } = chart;
    const isBehind = isAsked || compareVersions(value, application.value) <= 0;
    const why = isBehind ? "" : ", because of releases of the chart alone";
    faults.push(
      error(
        `Cannot bump the chart to ${own}: found it at ${value}${why}, expected a lower version`,
        {
          at: place,
          remedy: isBehind
            ? wayOut(own, value)
            : `Name a version greater than ${value}, or the chart's version with --chart A.B.C`,
        },
      ),
    );
  }
  return faults;
}
