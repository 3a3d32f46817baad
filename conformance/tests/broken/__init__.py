"""Who tests the tests: backends with exactly one defect each, and the conformance suite run on all of them.

Each is a *mutant*: a good backend under a scheme of its own, with one method, one declaration or one function of core
exchanged. It names the clauses that it violates, is judged by the cases of these alone, and every one of them has to
fail. ``nox -s mutants`` prints who killed whom.

A defect is a class or a function whose name says what is wrong:

* ``@records("R-02")`` and ``@objects("O-55")``: a class whose methods stand before the driver's, which are ``super()``;
* ``@declaration("P-50")``: a function from a sound backend to what it declares instead;
* ``@core("S-12")``: a function that exchanges something of core's while the target runs.
"""
