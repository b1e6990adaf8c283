/**
 * Bounds how many of something are under way at once.
 *
 * @module
 */

/** Places of which each may be taken by one at a time. */
export class Slots {
  #takenCount = 0;

  /** @param countMax How many places there are. */
  constructor(readonly countMax: number) {}

  get takenCount(): number {
    return this.#takenCount;
  }

  /** Takes a place until the result is disposed of; `null` where none is free. */
  take(): Disposable | null {
    if (this.#takenCount >= this.countMax) return null;
    this.#takenCount++;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#takenCount--;
        isHeld = false;
      },
    };
  }
}
