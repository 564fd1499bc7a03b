// Who may sign in here? A real service would ask the bank.

const PINS: ReadonlyMap<string, string> = new Map([
  ["ada", "1815"],
  ["alan", "1912"],
]);

export function signIn(user: string, pin: string): boolean {
  return PINS.get(user) === pin;
}
