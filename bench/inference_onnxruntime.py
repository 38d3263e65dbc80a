"""LeNet-5's inference beside ONNX Runtime, in one process: one image and a batch of 32, on one thread and on several, in
turn, round after round; medians, and their ratios.

    python bench/inference_onnxruntime.py [--threads N] [--rounds N]

Wants the packages hubel, onnx and onnxruntime. Both compute the same network with the same weights, which is checked
first. ONNX Runtime is called with arrays and with bound memory, and the faster counts; images of one channel are the
same memory in NHWC and NCHW, so that nothing is converted.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import hubel
import peers

TARGET = 4  # times as fast as ONNX Runtime for one image on one thread
TOLERANCE = 1e-4  # of a probability


def onnx_lenet(weights):
    """The network as ONNX has it: channels first, the flattened pixels in the order (c, h, w)."""
    kernel1, bias1, kernel2, bias2, dense1, *rest = weights
    dense1 = dense1.reshape(5, 5, 16, 120).transpose(2, 0, 1, 3).reshape(400, 120)
    arrays = [kernel1.transpose(3, 2, 0, 1), bias1, kernel2.transpose(3, 2, 0, 1), bias2, dense1, *rest]
    names = ["W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4", "W5", "b5"]
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["x", "W1", "b1"], ["z1"], pads=[2, 2, 2, 2]),
        helper.make_node("Relu", ["z1"], ["a1"]),
        helper.make_node("MaxPool", ["a1"], ["p1"], **pool),
        helper.make_node("Conv", ["p1", "W2", "b2"], ["z2"]),
        helper.make_node("Relu", ["z2"], ["a2"]),
        helper.make_node("MaxPool", ["a2"], ["p2"], **pool),
        helper.make_node("Flatten", ["p2"], ["f"]),
        helper.make_node("Gemm", ["f", "W3", "b3"], ["z3"]),
        helper.make_node("Relu", ["z3"], ["a3"]),
        helper.make_node("Gemm", ["a3", "W4", "b4"], ["z4"]),
        helper.make_node("Relu", ["z4"], ["a4"]),
        helper.make_node("Gemm", ["a4", "W5", "b5"], ["z5"]),
        helper.make_node("Softmax", ["z5"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "lenet5",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["m", 1, 28, 28])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m", 10])],
        [numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in zip(names, arrays)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def onnxruntime_works(model, x, threads):
    """{label: function that returns the output}."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    out = np.empty((len(x), 10), np.float32)
    binding.bind_cpu_input("x", x)
    binding.bind_output("y", "cpu", 0, np.float32, list(out.shape), out.ctypes.data)

    def bound():
        session.run_with_iobinding(binding)
        return out

    return {
        "ONNX Runtime, arrays": lambda: session.run(None, {"x": x})[0],
        "ONNX Runtime, bound memory": bound,
    }


def main():
    options = peers.arguments(__doc__, rounds=15).parse_args()
    peers.say_on_what(options.threads, hubel, onnxruntime, onnx)
    hubel_model = hubel.lenet5(seed=1)
    model = onnx_lenet(hubel_model.get_weights())
    random = np.random.default_rng(1)
    for threads in sorted({1, options.threads}):
        hubel.set_num_threads(threads)
        for batch in (1, 32):
            x = random.random((batch, 28, 28, 1), np.float32)
            out = np.empty((batch, 10), np.float32)
            works = {"hubel": lambda: hubel_model.predict(x, out=out)}
            works.update(onnxruntime_works(model, x.reshape(batch, 1, 28, 28), threads))
            for label, work in works.items():
                error = np.abs(work() - hubel_model.predict(x)).max()
                if not error < TOLERANCE:
                    raise SystemExit(f"{label} is off by {error:.1e}")
            what = f"{'one image' if batch == 1 else f'{batch} images'}, {threads} thread{'s' * (threads != 1)}"
            target = TARGET if (batch, threads) == (1, 1) else None
            peers.print_medians(what, peers.in_turn(works, options.rounds), target)


if __name__ == "__main__":
    main()
