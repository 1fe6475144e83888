// The figures of each epoch, as JSON.
import { writeWhole } from './files.ts';

export interface EpochFigures {
  readonly epoch: number;
  readonly loss: number;
  readonly trainAccuracy: number;
  readonly testAccuracy: number;
  readonly seconds: number;
  readonly examplesPerSecond: number;
  readonly liveBytes: number;
  readonly peakBytes: number;
}

export async function writeReport(
  { json }: { readonly json?: string },
  history: readonly EpochFigures[],
): Promise<void> {
  if (json !== undefined) await writeWhole(json, `${JSON.stringify(history, null, 2)}\n`);
}
