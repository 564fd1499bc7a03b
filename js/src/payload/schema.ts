// What a schema document says. docs/schema.md specifies the documents, and Rust prints them
// (`bulla::schema::json`).

/** The types that contain no other types, by their words in the document. */
export type Word =
  | "unit"
  | "bool"
  | "u8"
  | "u16"
  | "u32"
  | "u64"
  | "u128"
  | "i8"
  | "i16"
  | "i32"
  | "i64"
  | "i128"
  | "f32"
  | "f64"
  | "char"
  | "string"
  | "bytes"
  | "duration"
  | "system-time"
  | "ipv4"
  | "ipv6"
  | "ip";

/** The words of whole numbers. */
export type IntegerWord = Extract<Word, `${"u" | "i"}${"8" | "16" | "32" | "64" | "128"}`>;

/** One type of a document. */
export type Type =
  | { readonly kind: "word"; readonly word: Word }
  | { readonly kind: "nonzero"; readonly word: IntegerWord }
  | { readonly kind: "option"; readonly value: Type }
  | { readonly kind: "list"; readonly element: Type }
  | { readonly kind: "array"; readonly element: Type; readonly length: number }
  | { readonly kind: "map"; readonly key: Type; readonly value: Type }
  | { readonly kind: "tuple"; readonly elements: readonly Type[] }
  | { readonly kind: "struct"; readonly fields: readonly Field[] }
  | { readonly kind: "enum"; readonly variants: readonly Variant[] }
  | { readonly kind: "ref"; readonly name: string };

/** A field of a struct. */
export interface Field {
  readonly name: string;
  readonly type: Type;
}

/** A variant of an enum. `type` is `undefined` if it holds nothing. */
export interface Variant {
  readonly name: string;
  readonly type: Type | undefined;
}

/** One schema version. `type` is `undefined` if its encoding is JSON. */
export interface Version {
  readonly version: number;
  readonly type: Type | undefined;
}

/** A schema document that has been checked. */
export interface Schema {
  readonly purpose: string;
  /** The newest first. */
  readonly versions: readonly Version[];
  readonly types: ReadonlyMap<string, Type>;
}

const WORDS: ReadonlySet<string> = /* @__PURE__ */ new Set<Word>([
  "unit",
  "bool",
  "u8",
  "u16",
  "u32",
  "u64",
  "u128",
  "i8",
  "i16",
  "i32",
  "i64",
  "i128",
  "f32",
  "f64",
  "char",
  "string",
  "bytes",
  "duration",
  "system-time",
  "ipv4",
  "ipv6",
  "ip",
]);

/**
 * Checks a schema document.
 *
 * @throws TypeError if the document does not have the format `bulla-schema/1`.
 */
export function parseSchema(document: object): Schema {
  const { format, purpose, versions, types } = document as Record<string, unknown>;
  if (format !== "bulla-schema/1") {
    throw new TypeError('a schema document has the format "bulla-schema/1"');
  }
  if (typeof purpose !== "string") throw new TypeError("the schema document has no purpose");
  const named = new Map<string, Type>();
  for (const [name, type] of Object.entries(objectOf(types, "types"))) {
    named.set(name, typeOf(type, name));
  }
  const schema: Schema = {
    purpose,
    versions: arrayOf(versions, "versions").map(versionOf),
    types: named,
  };
  for (const [name, type] of named) check(schema, type, name);
  for (const { version, type } of schema.versions) {
    if (type !== undefined) check(schema, type, `version ${version}`);
  }
  return schema;
}

/** The type itself, or the type that it refers to. */
export function resolve(schema: Schema, type: Type): Type {
  let resolved = type;
  // A chain of references has at most as many steps as there are names.
  for (let steps = 0; resolved.kind === "ref"; steps += 1) {
    const next = schema.types.get(resolved.name);
    if (next === undefined || steps > schema.types.size) {
      throw new TypeError(`the schema document does not define ${resolved.name}`);
    }
    resolved = next;
  }
  return resolved;
}

/** Whether values of the type can be `null` in TypeScript. */
export function hasNull(schema: Schema, type: Type): boolean {
  const resolved = resolve(schema, type);
  return resolved.kind === "option" || (resolved.kind === "word" && resolved.word === "unit");
}

function versionOf(value: unknown): Version {
  const { version, encoding, type } = objectOf(value, "versions");
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1) {
    throw new TypeError("a version of the schema document has no number");
  }
  if (encoding === "json") return { version, type: undefined };
  if (encoding !== "postcard") {
    throw new TypeError(`version ${version} has an encoding that this release does not know`);
  }
  return { version, type: typeOf(type, `version ${version}`) };
}

function typeOf(value: unknown, where: string): Type {
  if (typeof value === "string") {
    if (!WORDS.has(value)) throw new TypeError(`${where}: unknown type "${value}"`);
    return { kind: "word", word: value as Word };
  }
  const of = objectOf(value, where);
  if ("ref" in of) return { kind: "ref", name: textOf(of.ref, where) };
  if ("option" in of) return { kind: "option", value: typeOf(of.option, where) };
  if ("list" in of) return { kind: "list", element: typeOf(of.list, where) };
  if ("map" in of) return { kind: "map", key: typeOf(of.key, where), value: typeOf(of.map, where) };
  if ("tuple" in of) {
    return { kind: "tuple", elements: arrayOf(of.tuple, where).map((one) => typeOf(one, where)) };
  }
  if ("array" in of) {
    const length = of.length;
    if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) {
      throw new TypeError(`${where}: an array needs a length`);
    }
    return { kind: "array", element: typeOf(of.array, where), length };
  }
  if ("nonzero" in of) {
    const word = textOf(of.nonzero, where);
    if (!/^[ui]\d/.test(word) || !WORDS.has(word)) {
      throw new TypeError(`${where}: unknown integer "${word}"`);
    }
    return { kind: "nonzero", word: word as IntegerWord };
  }
  if ("struct" in of) return { kind: "struct", fields: fieldsOf(of.struct, where) };
  if ("enum" in of) return { kind: "enum", variants: variantsOf(of.enum, where) };
  throw new TypeError(`${where}: unknown kind of type`);
}

function fieldsOf(value: unknown, where: string): Field[] {
  const fields = arrayOf(value, where).map((item) => {
    const field = objectOf(item, where);
    const name = textOf(field.name, where);
    return { name, type: typeOf(field.type, `${where}.${name}`) };
  });
  refuseNames(fields, where);
  return fields;
}

function variantsOf(value: unknown, where: string): Variant[] {
  const variants = arrayOf(value, where).map((item) => {
    const variant = objectOf(item, where);
    const name = textOf(variant.name, where);
    const type = variant.type === undefined ? undefined : typeOf(variant.type, `${where}.${name}`);
    return { name, type };
  });
  refuseNames(variants, where);
  return variants;
}

function refuseNames(members: readonly { readonly name: string }[], where: string): void {
  const names = new Set(members.map(({ name }) => name));
  if (names.size < members.length) throw new TypeError(`${where}: a name occurs twice`);
  // Setting it would change the object's prototype.
  if (names.has("__proto__")) throw new TypeError(`${where}: a name cannot be __proto__`);
}

/** Refuses references without a type, and lists whose length costs nothing. */
function check(schema: Schema, type: Type, where: string): void {
  switch (type.kind) {
    case "word":
    case "nonzero":
      return;
    case "ref":
      resolve(schema, type);
      return;
    case "option":
      check(schema, type.value, where);
      return;
    case "list":
    case "array":
      check(schema, type.element, where);
      refuseEmpty(schema, [type.element], where);
      return;
    case "map":
      check(schema, type.key, where);
      check(schema, type.value, where);
      refuseEmpty(schema, [type.key, type.value], where);
      return;
    case "tuple":
      for (const element of type.elements) check(schema, element, where);
      return;
    case "struct":
      for (const field of type.fields) check(schema, field.type, where);
      return;
    case "enum":
      for (const variant of type.variants) {
        if (variant.type !== undefined) check(schema, variant.type, where);
      }
      return;
  }
}

/** A few bytes could announce 2⁶⁴ elements that take no bytes. */
function refuseEmpty(schema: Schema, types: readonly Type[], where: string): void {
  if (!types.some((type) => takesBytes(schema, type, new Set()))) {
    throw new TypeError(`${where}: the elements of a list must take at least one byte`);
  }
}

function takesBytes(schema: Schema, type: Type, entered: ReadonlySet<string>): boolean {
  switch (type.kind) {
    case "word":
      return type.word !== "unit";
    case "array":
      return type.length > 0 && takesBytes(schema, type.element, entered);
    case "tuple":
      return type.elements.some((element) => takesBytes(schema, element, entered));
    case "struct":
      return type.fields.some((field) => takesBytes(schema, field.type, entered));
    case "ref":
      if (entered.has(type.name)) return false;
      return takesBytes(schema, resolve(schema, type), new Set([...entered, type.name]));
    default:
      return true;
  }
}

function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new TypeError(`the schema document lacks an object at ${where}`);
}

function arrayOf(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`the schema document lacks a list at ${where}`);
}

function textOf(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw new TypeError(`the schema document lacks a name at ${where}`);
}
