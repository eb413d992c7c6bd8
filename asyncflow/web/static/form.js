// Fields for a flow's arguments, made from their JSON Schema; what a field cannot say is written as JSON.
import { h } from "./elements.js";

export function fieldsOf(schema, { whole = "Arguments, as JSON", id = "node-args" } = {}) {
  const properties = schema?.properties ?? {};
  const required = new Set(schema?.required ?? []);
  const fields = Object.keys(properties).length
    ? Object.entries(properties).map(([name, one]) => new Field(name, typeof one === "object" ? one : {}, required.has(name)))
    : [new Whole(schema, whole, id)];
  const alone = fields[0] instanceof Whole;
  return {
    elements: fields.map((field) => field.element),
    // Every field says for itself what is wrong; the first one gets the focus.
    check() {
      const wrong = fields.filter((field) => field.say(field.wrong()));
      wrong[0]?.input.focus();
      return !wrong.length;
    },
    value: () => (alone ? fields[0].value() : Object.fromEntries(fields.map((field) => [field.name, field.value()]).filter(([, value]) => value !== undefined))),
    // What the server refuses is told at the field that it names.
    blame(message) {
      const found = fields.find((field) => field.name && (message.includes(`node_args.${field.name} `) || message.includes(`['${field.name}']`)));
      found?.say(message.slice(message.indexOf("node_args.") + 10));
      found?.input.focus();
      return Boolean(found);
    },
  };
}

class Field {
  constructor(name, schema, required) {
    Object.assign(this, { name, schema, required });
    const id = `arg-${name}`;
    this.problem = h("p", { class: "problem", id: `${id}-problem`, hidden: true });
    const more = { id, "aria-required": required ? "true" : null, "aria-describedby": `${schema.description ? `${id}-hint ` : ""}${id}-problem` };
    this.input = this.make(more);
    this.input.addEventListener("change", () => this.say(this.wrong()));
    this.input.addEventListener("input", () => { if (!this.problem.hidden) this.say(this.wrong()); });
    const check = this.input.type === "checkbox";
    const label = h("label", { for: id }, schema.title ?? name, required && !check ? h("span", { class: "muted" }, " needed") : "");
    const hint = schema.description ? h("p", { class: "muted hint", id: `${id}-hint` }, schema.description) : null;
    this.element = h("div", { class: check ? "field check" : "field" }, check ? h("div", { class: "line" }, this.input, label) : [label, this.input], hint, this.problem);
  }

  make(more) {
    const { schema } = this;
    const first = schema.default;
    if (schema.enum) {
      return h("select", more, this.required && first !== undefined ? null : h("option", { value: "" }, "choose"),
        schema.enum.map((one, place) => h("option", { value: String(place), selected: one === first }, String(one))));
    }
    if (schema.type === "boolean") return h("input", { ...more, type: "checkbox", checked: first === true });
    if (this.isNumber) return h("input", { ...more, type: "text", inputmode: schema.type === "integer" ? "numeric" : "decimal", value: first });
    if (schema.type === "string") return h("input", { ...more, type: "text", value: first });
    const area = h("textarea", { ...more, rows: "3", class: "mono", spellcheck: "false", placeholder: schema.type === "array" ? "[…]" : schema.type === "object" ? "{…}" : "JSON" });
    if (first !== undefined) area.value = JSON.stringify(first);
    return area;
  }

  get isNumber() { return this.schema.type === "integer" || this.schema.type === "number"; }

  say(problem) {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
    if (problem) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
    return Boolean(problem);
  }

  value() {
    const { schema, input } = this;
    if (schema.enum) return input.value === "" ? undefined : schema.enum[Number(input.value)];
    if (schema.type === "boolean") return input.checked;
    const text = input.value;
    if (schema.type === "string") return text === "" && !this.required ? undefined : text;
    if (!text.trim()) return undefined;
    return this.isNumber ? Number(text) : JSON.parse(text);
  }

  wrong() {
    const { schema } = this;
    let value;
    try {
      value = this.value();
    } catch (error) {
      return `This is no JSON: ${error.message}`;
    }
    if (value === undefined || (this.required && value === "")) return this.required ? "This is needed." : "";
    if (this.isNumber) {
      if (!Number.isFinite(value)) return "This is no number.";
      if (schema.type === "integer" && !Number.isInteger(value)) return "A whole number, please.";
      if (value < (schema.minimum ?? -Infinity)) return `At least ${schema.minimum}.`;
      if (value > (schema.maximum ?? Infinity)) return `At most ${schema.maximum}.`;
    }
    if (schema.type === "string") {
      if (value.length < (schema.minLength ?? 0)) return `At least ${schema.minLength} letters.`;
      if (value.length > (schema.maxLength ?? Infinity)) return `At most ${schema.maxLength} letters.`;
    }
    if (schema.type === "array" && !Array.isArray(value)) return "A list, please: […]";
    if (schema.type === "object" && (typeof value !== "object" || value === null || Array.isArray(value))) return "An object, please: {…}";
    return "";
  }
}

class Whole extends Field {
  constructor(schema, title, id) {
    super("", {}, false);
    const names = schema?.required ?? [];
    this.input.rows = 5;
    this.input.id = id;
    this.input.placeholder = "{…}";
    if (names.length) this.input.value = JSON.stringify(Object.fromEntries(names.map((name) => [name, null])), null, 2);
    const label = this.element.querySelector("label");
    label.htmlFor = id;
    label.textContent = title;
    this.problem.before(h("p", { class: "muted hint" }, "Empty means none."));
  }
}
