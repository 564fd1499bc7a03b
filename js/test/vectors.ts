// Reads the vectors of the specification.

import { readFileSync } from "node:fs";

export type Vector = Readonly<Record<string, unknown>>;

/** The vectors of a file of spec/vectors, which must have at least `least`. */
export function vectors(file: string, least: number): readonly Field[] {
  const url = new URL(`../../../spec/vectors/${file}`, import.meta.url);
  const content = JSON.parse(readFileSync(url, "utf8")) as { format: string; vectors: Vector[] };
  if (content.format !== "bulla/1") throw new Error(`${file}: ${content.format}`);
  if (content.vectors.length < least) throw new Error(`${file}: ${content.vectors.length} vectors`);
  return content.vectors.map((vector) => new Field(vector));
}

/** A vector, or an object in one. */
export class Field {
  readonly value: Vector;

  constructor(value: Vector) {
    this.value = value;
  }

  get name(): string {
    return this.text("name");
  }

  text(field: string): string {
    const value = this.value[field];
    if (typeof value !== "string") throw new Error(`${field} is not a string`);
    return value;
  }

  number(field: string): number {
    const value = this.value[field];
    if (typeof value !== "number") throw new Error(`${field} is not a number`);
    return value;
  }

  /** The number of a field that may be null. */
  optional(field: string): number | undefined {
    return this.value[field] === null ? undefined : this.number(field);
  }

  bytes(field: string): Uint8Array {
    return bytes(this.text(field));
  }

  numbers(field: string): readonly number[] {
    return this.value[field] as readonly number[];
  }

  list(field: string): readonly Field[] {
    return (this.value[field] as Vector[]).map((value) => new Field(value));
  }
}

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
