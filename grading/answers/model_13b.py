"""Answers of lesson 13b."""

# %% checkpoint="m.kernel.order_guess"
predict("m.kernel.order_guess", 10)


# %% checkpoint="m.kernel.rows"
def multiply_rows(a, b, c):
    c[:] = 0
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


# %% checkpoint="m.kernel.tiles"
def multiply_tiles(a, b, c, tile):
    c[:] = 0
    for k0 in range(0, a.shape[1], tile):
        for j0 in range(0, c.shape[1], tile):
            for i in range(c.shape[0]):
                for k in range(k0, min(k0 + tile, a.shape[1])):
                    for j in range(j0, min(j0 + tile, c.shape[1])):
                        c[i, j] += a[i, k] * b[k, j]
    return c


# %% checkpoint="m.kernel.transactions"
def transactions(addresses):
    return len({address // 32 for address in addresses})


# %% checkpoint="m.kernel.shared"
def multiply_shared(a, b, c):
    tile_a = cuda.shared.array((TILE, TILE), float32)
    tile_b = cuda.shared.array((TILE, TILE), float32)
    column, row = cuda.grid(2)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    total = float32(0)
    for k0 in range(0, a.shape[1], TILE):
        # Beyond the edge a tile holds zeros, which add nothing.
        tile_a[y, x] = a[row, k0 + x] if row < a.shape[0] and k0 + x < a.shape[1] else float32(0)
        tile_b[y, x] = b[k0 + y, column] if k0 + y < b.shape[0] and column < b.shape[1] else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += tile_a[y, k] * tile_b[k, x]
        cuda.syncthreads()
    if row < c.shape[0] and column < c.shape[1]:
        c[row, column] = total


# %% checkpoint="m.kernel.gpu_guess"
predict("m.kernel.gpu_guess", 2)


# %% checkpoint="m.kernel.layout_guess"
predict("m.kernel.layout_guess", "NHWC")


# %% checkpoint="m.kernel.offset"
def offset(layout, shape, place):
    (channels, height, width), (c, h, w) = shape, place
    if layout == "NCHW":
        return (c * height + h) * width + w
    if layout == "NHWC":
        return (h * width + w) * channels + c
    return ((c // 8 * height + h) * width + w) * 8 + c % 8


# %% checkpoint="m.kernel.work"
def work(x, w, y):
    return [2 * math.prod(y) * math.prod(w[1:]), 4 * (math.prod(x) + math.prod(w) + math.prod(y))]


# %% checkpoint="m.kernel.bound"
def bound(operations, bytes, peak_flops, bandwidth):
    return max(operations / peak_flops, bytes / bandwidth)
