"""From a text such as ``20*x**2 + 2*y**2`` to a program. Nothing is evaluated as Python.

A small grammar, spelled as in Python: numbers, x, y, pi, e; + - * / ** and brackets; the functions of
``functions.py``; comparisons (also chained, 0 < x < 1) with and, or, not, as the condition of where(condition, a, b).
Read by precedence climbing (Pratt 1973, doi:10.1145/512927.512931).
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from .functions import FUNCTIONS
from .program import Program, Slot

LONGEST = 1000  # characters
DEEPEST = 100  # brackets, functions and powers within one another
SHOWN = 80  # characters of a text that an error repeats

TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>\*\*|[<>=!]=|\S)", re.A
)
CONSTANTS = {"pi": math.pi, "e": math.e}
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
COMPARE = {"<": torch.lt, "<=": torch.le, ">": torch.gt, ">=": torch.ge, "==": torch.eq, "!=": torch.ne}
JOIN = {"and": torch.logical_and, "or": torch.logical_or}
BINDING = {"or": 1, "and": 2} | dict.fromkeys(COMPARE, 4) | {"+": 5, "-": 5, "*": 6, "/": 6, "**": 8}
NOT, SIGN = 3, 7  # how strongly a leading not and a leading + or - bind
INSTEAD = {  # also what keyboards and text programs make of signs
    "^": "write ** for a power", "=": "write only what f is, or == to compare", "&": "write and", "|": "write or",
    "!": "write not", "%": "there is no remainder", "[": "write (", "{": "write (", "\u2212": "write - for minus",
    "\u00b7": "write * for times", "\u00d7": "write * for times", "\u00f7": "write / to divide",
    "\u00b2": "write **2", "\u00b3": "write **3", "\u03c0": "write pi", "\u221a": "write sqrt(...)",
    "\u2264": "write <=", "\u2265": "write >=",
}  # fmt: skip


class Token(NamedTuple):
    """A number, a name, a sign or the end, and the character at which it begins, from 1."""

    kind: str
    text: str
    at: int


@lru_cache(maxsize=256)
def read(text: str) -> Program:
    """The program of a formula; ``ValueError`` says at which character it cannot be understood, and why."""
    if len(text) > LONGEST:
        raise ValueError(f"the formula has {len(text):,} characters; allowed: at most {LONGEST:,}")
    if not text.strip():
        raise ValueError("the formula is empty; write one of x and y, such as 20*x**2 + 2*y**2")
    return Reader(text).program


class Reader:
    """Reads one text, token by token, and writes its program."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = [Token(str(match.lastgroup), match.group(), match.start() + 1) for match in TOKEN.finditer(text)]
        self.tokens = [*found, Token("end", "", len(text) + 1)]
        self.position = self.depth = 0
        self.program = Program()
        self.variables = {"x": Slot(0), "y": Slot(1)}
        value = self.value(0)
        if self.token.kind != "end":
            raise self.surplus(self.token)
        self.program.result = self.number(value, self.tokens[0], "the result is").index

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.position]

    def take(self) -> Token:
        """Go past the next token."""
        self.position += 1
        return self.tokens[self.position - 1]

    def value(self, binding: int) -> Slot:
        """Read a value with all that binds to it more strongly than ``binding``."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(self.token, f"nested more than {DEEPEST} deep")
        left = self.leading()
        while BINDING.get(self.token.text, 0) > binding:
            left = self.joined(left, self.take())
        self.depth -= 1
        return left

    def leading(self) -> Slot:
        """A value from its first token on."""
        token = self.take()
        if token.kind == "number":
            return self.literal(token)
        if token.text in ("+", "-"):
            operand = self.number(self.value(SIGN), token, f"'{token.text}' stands before")
            return self.program.add(torch.neg, operand) if token.text == "-" else operand
        if token.text == "not":
            return self.program.add(torch.logical_not, self.condition(self.value(NOT), token), truth=True)
        if token.text == "(":
            inner = self.value(0)
            self.close(token)
            return inner
        if token.kind == "name" and token.text not in BINDING:
            return self.named(token)
        if token.kind == "end":
            raise self.error(token, "the formula ends where a number, a name or a bracket should follow")
        hint = INSTEAD.get(token.text)
        raise self.error(token, f"{token.text!r} cannot stand here" + (f"; {hint}" if hint else ""))

    def literal(self, token: Token) -> Slot:
        """A number, as float64."""
        if math.isinf(number := float(token.text)):
            raise self.error(token, "the number is too large; allowed: up to 1.7e308")
        return self.program.constant(torch.tensor(number, dtype=torch.float64))

    def named(self, token: Token) -> Slot:
        """A variable, a constant or a call."""
        name, called = token.text, self.token.text == "("
        if name in FUNCTIONS:
            if not called:
                raise self.error(token, f"{name} is a function; write {name}(...)")
            return self.where(token) if name == "where" else self.call(token)
        if name in self.variables or name in CONSTANTS:
            if called:
                raise self.error(self.token, f"{name} is not a function; write {name}*(...)")
            if name in self.variables:
                return self.variables[name]
            return self.program.constant(torch.tensor(CONSTANTS[name], dtype=torch.float64))
        raise self.unknown(token, called)

    def call(self, token: Token) -> Slot:
        """A function of its arguments."""
        function, bracket = FUNCTIONS[token.text], self.take()
        arguments: list[Slot] = []
        while self.token.text != ")" or arguments:
            arguments.append(self.number(self.value(0), token, f"{token.text} is given"))
            if self.token.text != ",":
                break
            self.take()
        self.close(bracket)
        self.counted(token, len(arguments))
        if token.text == "pow":
            return self.power(*arguments)
        return self.program.add(function.call, *arguments)

    def counted(self, token: Token, given: int) -> None:
        """Refuse a wrong number of arguments."""
        function = FUNCTIONS[token.text]
        if not function.least <= given <= function.most:
            raise self.error(token, f"{token.text} takes {function.takes}, not {given}")

    def where(self, token: Token) -> Slot:
        """where(condition, a, b). Each branch sees an x and a y whose gradient ends where the branch is not taken.

        Otherwise a slope that is not finite there would come through as 0 * inf = NaN.
        """
        bracket = self.take()
        if self.token.text == ")":
            self.counted(token, 0)
        condition = self.condition(self.value(0), token)
        other = self.program.add(torch.logical_not, condition, truth=True)
        whole, branches = self.variables, [condition]
        for taken in (condition, other):
            if self.token.text != ",":
                break
            self.take()
            self.variables = {name: self.program.add(masked, taken, slot) for name, slot in whole.items()}
            branches.append(self.number(self.value(0), token, "where gives"))
        self.variables = whole
        if self.token.text == ",":
            raise self.error(token, "where takes 3 arguments, not more")
        self.close(bracket)
        self.counted(token, len(branches))
        return self.program.add(torch.where, *branches)

    def joined(self, left: Slot, token: Token) -> Slot:
        """Two values with an operator between them."""
        sign = token.text
        if sign in JOIN:
            operands = [self.condition(slot, token) for slot in (left, self.value(BINDING[sign]))]
            return self.program.add(JOIN[sign], *operands, truth=True)
        left = self.number(left, token, f"{sign!r} stands beside")
        if sign in COMPARE:
            return self.comparison(left, token)
        # a power is read from the right, and a sign may stand in its exponent
        right = self.value(SIGN if sign == "**" else BINDING[sign])
        right = self.number(right, token, f"{sign!r} stands beside")
        return self.power(left, right) if sign == "**" else self.program.add(ARITHMETIC[sign], left, right)

    def comparison(self, left: Slot, token: Token) -> Slot:
        """One comparison, or several in a chain: 0 < x < 1 is 0 < x and x < 1."""
        holds: Slot | None = None
        while True:
            right = self.number(self.value(BINDING[token.text]), token, f"{token.text!r} stands beside")
            one = self.program.add(COMPARE[token.text], left, right, truth=True)
            holds = one if holds is None else self.program.add(torch.logical_and, holds, one, truth=True)
            if self.token.text not in COMPARE:
                return holds
            left, token = right, self.take()

    def power(self, base: Slot, exponent: Slot) -> Slot:
        """A constant exponent stays a plain number: torch squares exactly, and needs no logarithm of the base."""
        fixed = self.program.constants.get(exponent.index)
        if fixed is None:
            return self.program.add(torch.pow, base, exponent)
        number = fixed.item()
        return self.program.add(lambda value: torch.pow(value, number), base)

    def number(self, slot: Slot, token: Token, where: str) -> Slot:
        """The slot, unless it is a truth."""
        if slot.truth:
            raise self.error(token, f"{where} a comparison, which is no number; write where(condition, a, b)")
        return slot

    def condition(self, slot: Slot, token: Token) -> Slot:
        """The slot, if it is a truth."""
        if not slot.truth:
            raise self.error(token, f"{token.text} needs a condition, such as x > 0")
        return slot

    def close(self, bracket: Token) -> None:
        """Go past the bracket that closes another."""
        if self.token.kind == "end":
            raise self.error(bracket, "this bracket is never closed")
        if self.token.text != ")":
            raise self.surplus(self.token)
        self.take()

    def surplus(self, token: Token) -> ValueError:
        """The error for a token that cannot follow the one before it."""
        before = self.tokens[self.position - 1].text
        if token.text == ")":
            return self.error(token, "this bracket was never opened")
        if token.text == ",":
            return self.error(token, "a comma stands only between the arguments of a function")
        if hint := INSTEAD.get(token.text):
            return self.error(token, hint)
        if token.kind == "name" and token.text not in (*self.variables, *CONSTANTS, *FUNCTIONS):
            return self.unknown(token, called=self.tokens[self.position + 1].text == "(")
        if token.kind in ("name", "number") or token.text == "(":
            before = "(...)" if before == ")" else before
            after = "(...)" if token.text == "(" else token.text + "(...)" * (token.text in FUNCTIONS)
            return self.error(token, f"an operator is missing; for times write {before}*{after}")
        return self.error(token, f"{token.text!r} has no meaning here")

    def unknown(self, token: Token, called: bool) -> ValueError:
        """The error for a name that means nothing."""
        kind, known = ("function", sorted(FUNCTIONS)) if called else ("name", [*self.variables, *CONSTANTS])
        near = difflib.get_close_matches(token.text, known, n=1) or ["log"] * (token.text == "ln")
        if len(token.text) < 5 and set(token.text) <= set(self.variables):
            near = ["*".join(token.text)]  # xy
        hint = f"did you mean {near[0]!r}? " if near else ""
        shown = token.text if len(token.text) <= SHOWN else token.text[:SHOWN] + "..."
        return self.error(token, f"unknown {kind} {shown!r}; {hint}allowed: {', '.join(known)}")

    def error(self, token: Token, message: str) -> ValueError:
        """An error with its place, and the place shown where the text is short."""
        mark = f"\n{self.text}\n{' ' * (token.at - 1)}^"
        plain = len(self.text) <= SHOWN and self.text.isascii() and self.text.isprintable()
        return ValueError(f"at character {token.at}: {message}" + mark * plain)


def masked(taken: Tensor, value: Tensor) -> Tensor:
    """The same value; its gradient ends where ``taken`` is false."""
    return torch.where(taken, value, value.detach())
