"""How a bidirectional LSTM is used in task 6: built, loaded, set to train or eval, called. No answer here."""

from typing import Any

from rnncourse.checks.framework.use import Problem, check_parameters, use


@use("a class")
def load_set_and_call(module_class: type, arguments: dict[str, Any]) -> Any:
    """Called without hx where it is None."""
    module = module_class(arguments["input_size"], arguments["hidden_size"], **arguments["options"])
    check_parameters(module, arguments["parameters"])
    module.load_state_dict(arguments["parameters"])
    module.train(arguments["train"])
    hx = arguments["hx"]
    return module(arguments["x"]) if hx is None else module(arguments["x"], hx)


def halves(returned: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Both halves of output, time first, and the two states: each of them has points of its own."""
    try:
        output, (h_n, c_n) = returned
        H = arguments["hidden_size"]
        if arguments["options"].get("batch_first"):
            output = output.transpose(0, 1)
        return {"forward half": output[..., :H], "backward half": output[..., H:], "h_n": h_n, "c_n": c_n}
    except (TypeError, ValueError, AttributeError, IndexError):
        raise Problem("asked is the return of nn.LSTM: output, (h_n, c_n).") from None
