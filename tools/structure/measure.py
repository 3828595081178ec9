#!/usr/bin/env python3
"""Prints the structure of a checkout: crates, lines, long files, function lengths, parameter lists, import cycles.

    python3 tools/structure/measure.py [REPOSITORY]

Lines of code leave out blank lines, comments, and what is behind `#[cfg(test)]`. The length of a function is all its lines,
from `fn` to the closing brace, comments included. A cycle is a set of files of one crate that import each other, where
neither is the other's parent module.
"""

import pathlib
import re
import sys

FUNCTION = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:default\s+)?(?:const\s+)?(?:async\s+)?(?:unsafe\s+)?"
                      r"(?:extern\s+\"C\"\s+)?fn\s+(\w+)")


def without_strings(line, state):
    """The line without string contents and comments, so that braces can be counted."""
    out, i = [], 0
    while i < len(line):
        if state["block"]:
            end = line.find("*/", i)
            if end < 0:
                return "".join(out)
            state["block"], i = False, end + 2
            continue
        if state["raw"] is not None:
            end = line.find('"' + state["raw"], i)
            if end < 0:
                return "".join(out)
            i, state["raw"] = end + 1 + len(state["raw"]), None
            continue
        if state["string"]:
            if line[i] == "\\":
                i += 2
                continue
            if line[i] == '"':
                state["string"] = False
            i += 1
            continue
        if line.startswith("//", i):
            return "".join(out)
        if line.startswith("/*", i):
            state["block"], i = True, i + 2
            continue
        raw = re.match(r'b?r(#*)"', line[i:])
        if raw and (i == 0 or not (line[i - 1].isalnum() or line[i - 1] == "_")):
            state["raw"], i = raw.group(1), i + raw.end()
            continue
        if line[i] == '"':
            state["string"], i = True, i + 1
            continue
        character = re.match(r"'(\\.[^']*|[^\\'])'", line[i:])
        if character:
            i += character.end()
            continue
        out.append(line[i])
        i += 1
    return "".join(out)


class File:
    def __init__(self, path, relative):
        self.path, self.relative = path, relative
        self.text = path.read_text(encoding="utf-8")
        self.functions, self.code = [], 0
        self.parse()

    def parse(self):
        state = {"block": False, "string": False, "raw": None}
        depth, open_functions, skip_from, pending_test, pending = 0, [], None, False, None
        for number, line in enumerate(self.text.split("\n"), 1):
            inside_string = state["string"] or state["raw"] is not None
            bare = without_strings(line, state)
            if skip_from is None and re.match(r"\s*#\[cfg\((?:all\()?(?:any\()?test\b", bare):
                pending_test = True
            in_test = skip_from is not None or pending_test
            if (bare.strip() or inside_string) and not in_test:
                self.code += 1
            match = FUNCTION.match(bare)
            if match and not inside_string and not in_test:
                pending = [match.group(1), number, "", depth]
            if pending:
                pending[2] += bare + " "
            for character in bare:
                if character == "{":
                    if pending and depth == pending[3]:
                        open_functions.append((pending[0], pending[1], depth, parameters(pending[2])))
                        pending = None
                    if pending_test and skip_from is None:
                        skip_from, pending_test = depth, False
                    depth += 1
                elif character == "}":
                    depth -= 1
                    if open_functions and open_functions[-1][2] == depth:
                        name, first, _, count = open_functions.pop()
                        self.functions.append((number - first + 1, name, count))
                    if skip_from == depth:
                        skip_from = None
                elif character == ";":
                    if pending and depth == pending[3] and pending[2].count("(") == pending[2].count(")"):
                        pending = None
                    if pending_test and skip_from is None:
                        pending_test = False


def parameters(signature):
    """How many parameters there are, `self` not counted."""
    start = signature.find("(", signature.find("fn "))
    depth, parts, current = 0, [], ""
    for character in signature[start:]:
        if character in "([{<":
            depth += 1
            if depth == 1:
                continue
        elif character in ")]}":
            depth -= 1
        elif character == ">" and not current.endswith("-"):
            depth -= 1
        if depth == 0:
            break
        if character == "," and depth == 1:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    names = [part.strip() for part in parts if part.strip()]
    return sum(not re.match(r"(?:&\s*(?:'\w+\s+)?)?(?:mut\s+)?self\b", name) for name in names)


def module_of(source, path):
    relative = path.relative_to(source).with_suffix("")
    parts = list(relative.parts)
    if parts[-1] in ("mod", "lib", "main"):
        parts.pop()
    return tuple(parts)


def imports(file, module, modules):
    text = re.sub(r"//[^\n]*", "", file.text).split("#[cfg(test)]")[0]
    found = set()
    paths = []
    for match in re.finditer(r"\buse\s+((?:crate|super)[^;]*);", text):
        paths.extend(expand(match.group(1)))
    # Paths written in full where they are used.
    paths.extend(path.split("::") for path in re.findall(r"\b(?:crate|super)(?:::\w+)+", text))
    for path in paths:
        parts = [part for part in path if part]
        if parts[0] == "crate":
            target = tuple(parts[1:])
        else:
            base = list(module)
            while parts and parts[0] == "super":
                base = base[:-1]
                parts = parts[1:]
            target = tuple(base + parts)
        while target and target not in modules:
            target = target[:-1]
        if target and target != module:
            found.add(target)
    return found


def expand(path):
    path = re.sub(r"\s+", "", re.sub(r"\bas\s+\w+", "", path))
    if "{" not in path:
        return [path.split("::")]
    head, rest = path.split("{", 1)
    rest = rest[: rest.rindex("}")]
    parts, depth, current = [], 0, ""
    for character in rest:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    prefix = [part for part in head.split("::") if part]
    return [prefix + tail for part in parts if part for tail in expand(part)]


def cycles(graph):
    """Strongly connected components of more than one node (Tarjan)."""
    index, low, stack, on_stack, result, counter = {}, {}, [], set(), [], [0]

    def visit(node):
        index[node] = low[node] = counter[0]
        counter[0] += 1
        stack.append(node)
        on_stack.add(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on_stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while True:
                member = stack.pop()
                on_stack.discard(member)
                component.append(member)
                if member == node:
                    break
            if len(component) > 1:
                result.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return result


def main():
    sys.setrecursionlimit(10000)
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    crates = sorted(path.parent for path in root.glob("crates/*/Cargo.toml"))
    files, circles, rows = [], [], []
    for crate in crates:
        source = crate / "src"
        members = {module_of(source, path): File(path, path.relative_to(root)) for path in source.rglob("*.rs")}
        graph = {}
        for module, file in members.items():
            graph[module] = {
                other
                for other in imports(file, module, members)
                if other[: len(module)] != module and module[: len(other)] != other
            }
        for circle in cycles(graph):
            circles.append(crate.name + ": " + ", ".join("/".join(module) for module in circle))
        files.extend(members.values())
        rows.append((crate.name, len(members), sum(file.code for file in members.values())))
    print(f"crates: {len(rows)}")
    for name, count, code in rows:
        print(f"  {name:<16} {count:>4} files {code:>7} lines of code")
    print(f"total: {len(files)} files, {sum(file.code for file in files)} lines of code")
    lengths = sorted(length for file in files for length, _, _ in file.functions)
    at = lambda share: lengths[min(len(lengths) - 1, int(share * len(lengths)))]
    print(f"functions: {len(lengths)}, lines p50 {at(0.5)}, p90 {at(0.9)}, p99 {at(0.99)}, max {lengths[-1]}")
    for file in files:
        for length, name, count in file.functions:
            if length > 60:
                print(f"  over 60 lines: {file.relative}: {name}: {length}")
            if count > 6:
                print(f"  over 6 parameters: {file.relative}: {name}: {count}")
    for limit in (400, 450):
        long = sorted(((file.code, str(file.relative)) for file in files if file.code > limit), reverse=True)
        print(f"files over {limit} lines of code: {len(long)}")
        for code, relative in long:
            print(f"  {code:>5} {relative}")
    print(f"import cycles: {len(circles)}")
    for circle in circles:
        print(f"  {circle}")


if __name__ == "__main__":
    main()
