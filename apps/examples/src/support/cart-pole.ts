// A pole on a cart that is pushed left or right (Barto, Sutton and Anderson 1983), with Gym's numbers.

/** The cart's place and speed in m and m/s, the pole's angle and its speed in rad and rad/s. */
export type State = readonly [place: number, speed: number, angle: number, turning: number];

const gravity = 9.8;
const poleMass = 0.1;
const totalMass = 1.1;
/** From the joint to the pole's centre of mass. */
const halfLength = 0.5;
const force = 10;
const seconds = 0.02;
const widest = 2.4;
const steepest = (12 * Math.PI) / 180;

/** The longest episode. */
export const mostSteps = 500;

export class CartPole {
  state: State = [0, 0, 0, 0];
  steps: number = 0;

  /** Starts an episode near the upright: four numbers from 0 to 1 say where. */
  reset(chances: ArrayLike<number>): void {
    const near = (i: number): number => chances[i] * 0.1 - 0.05;
    this.state = [near(0), near(1), near(2), near(3)];
    this.steps = 0;
  }

  /** Pushes for a fiftieth of a second: left (0) or right (1). */
  push(action: number): { readonly fallen: boolean; readonly finished: boolean } {
    const [place, speed, angle, turning] = this.state;
    const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
    const pushed = ((action === 1 ? force : -force) + poleMass * halfLength * turning ** 2 * sin) / totalMass;
    const turn = (gravity * sin - cos * pushed) / (halfLength * (4 / 3 - (poleMass * cos ** 2) / totalMass));
    const gain = pushed - (poleMass * halfLength * turn * cos) / totalMass;
    this.state = [
      place + seconds * speed,
      speed + seconds * gain,
      angle + seconds * turning,
      turning + seconds * turn,
    ];
    this.steps++;
    const fallen = Math.abs(this.state[0]) > widest || Math.abs(this.state[2]) > steepest;
    return { fallen, finished: fallen || this.steps === mostSteps };
  }
}
