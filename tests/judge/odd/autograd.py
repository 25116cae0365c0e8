"""A custom autograd.Function, backward, vmap and functorch.

koan: l2_norm
verdict: passed
"""
import torch


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x * grad


def l2_norm(u):
    x = u.float().detach().requires_grad_()
    total = Square.apply(x).sum()
    total.backward()
    assert torch.equal(x.grad, 2 * x.detach())
    squares = torch.vmap(lambda y: y * y)(u.float()) if u.numel() else u.float()
    assert torch.equal(torch.func.grad(lambda y: (y * y).sum())(u.float()), x.grad)
    return squares.sum().sqrt().to(u.dtype)
