// Fields for a flow's arguments, made from their JSON Schema; what a field cannot say is written as JSON.
import { h } from "./elements.js";

export function fieldsOf(schema) {
  const properties = schema?.properties ?? {};
  if (!Object.keys(properties).length) return jsonField(schema);
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(properties).map(([name, one]) => field(name, one === true ? {} : one, required.has(name)));
  return {
    elements: fields.map((one) => one.element),
    value: () => Object.fromEntries(fields.map((one) => [one.name, one.value()]).filter(([, value]) => value !== undefined)),
  };
}

function jsonField(schema) {
  const names = schema?.required ?? [];
  const first = names.length ? JSON.stringify(Object.fromEntries(names.map((name) => [name, null])), null, 2) : "";
  const area = h("textarea", { id: "node-args", rows: "5", spellcheck: "false", class: "mono", placeholder: '{"guests": 4}' });
  area.value = first;
  return {
    elements: [h("label", { for: "node-args" }, "Arguments, as JSON"), area, h("p", { class: "muted hint" }, "Empty means none.")],
    value: () => read(area.value, "The arguments are"),
  };
}

function read(text, what) {
  if (!text.trim()) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} no JSON: ${error.message}`);
  }
}

function field(name, schema, required) {
  const id = `arg-${name}`;
  const first = schema.default;
  const hint = schema.description ? h("p", { class: "muted hint", id: `${id}-hint` }, schema.description) : null;
  const more = { id, required, "aria-describedby": hint ? `${id}-hint` : null };
  const [input, value] = inputFor(name, schema, first, more);
  const label = h("label", { for: id }, schema.title ?? name, required ? h("span", { class: "muted" }, " (needed)") : "");
  const element = h("div", { class: schema.type === "boolean" ? "field check" : "field" }, label, input, hint);
  return { name, element, value };
}

function inputFor(name, schema, first, more) {
  if (schema.enum) {
    const select = h("select", more, more.required ? null : h("option", { value: "" }, "(not said)"),
      schema.enum.map((one, place) => h("option", { value: String(place), selected: one === first }, String(one))));
    return [select, () => (select.value === "" ? undefined : schema.enum[Number(select.value)])];
  }
  if (schema.type === "boolean") {
    const box = h("input", { ...more, required: false, type: "checkbox", checked: first === true });
    return [box, () => box.checked];
  }
  if (schema.type === "integer" || schema.type === "number") {
    const input = h("input", { ...more, type: "number", step: schema.type === "integer" ? "1" : "any", min: schema.minimum, max: schema.maximum, value: first });
    return [input, () => (input.value === "" ? undefined : Number(input.value))];
  }
  if (schema.type === "string") {
    const input = h("input", { ...more, type: "text", minlength: schema.minLength, maxlength: schema.maxLength, value: first });
    return [input, () => (input.value === "" && !more.required ? undefined : input.value)];
  }
  const area = h("textarea", { ...more, rows: "3", class: "mono", spellcheck: "false", placeholder: "JSON" });
  if (first !== undefined) area.value = JSON.stringify(first);
  return [area, () => read(area.value, `${name} is`)];
}
