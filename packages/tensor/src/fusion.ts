// Whether what is run is fused.
let fusion = true;

/** Turns fusion on or off for what is run from now on; results agree within rounding. Returns the former setting. */
export function setFusion(enabled: boolean): boolean {
  const former = fusion;
  fusion = enabled;
  return former;
}

/** Whether fusion is on. */
export function isFused(): boolean {
  return fusion;
}
