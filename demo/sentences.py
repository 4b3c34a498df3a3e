"""What the page says in Chinese where the server refuses something in English.

The server speaks English to programs and people alike; the page looks its sentence up here. What stands in braces is
taken over, and looked up by itself first.
"""

from collections.abc import Mapping

CHINESE: Mapping[str, str] = {
    # What sentences are about
    "the photograph": "照片",
    "the picture": "图片",
    "the style picture": "风格图片",
    "the mask": "蒙版",
    "the painted picture": "画好的图片",
    "photograph": "照片",
    "picture": "图片",
    "style picture": "风格图片",
    "mask": "蒙版",
    "hundreds of megapixels": "数亿像素",
    "{width} x {height} pixels": "{width} x {height} 像素",
    "PNG, JPEG or WEBP": "PNG、JPEG 或 WEBP",
    # Pictures
    "{name} is not a readable {formats} picture; open it in an image editor and save it anew": (
        "{name}不是可以读取的 {formats} 图片；请用图像编辑器打开后另存"
    ),
    "only a PNG as it was saved here can be checked, no film and no other format": (
        "只能核对在此保存的 PNG 原文件，不能核对影片或其他格式"
    ),
    "{name} is damaged or cut short; get a fresh copy, or open it in an image editor and save it anew": (
        "{name}已损坏或不完整；请换一份，或用图像编辑器打开后另存"
    ),
    "{name} has {size}, more than the {most} megapixels taken here; scale it down first": (
        "{name}有 {size}，超过此处可接受的 {most} 百万像素；请先缩小"
    ),
    "{name} is empty; choose another file": "{name}是空文件；请另选一个",
    "{name} stores 32-bit numbers without a known range; save it with 8 or 16 bits per channel": (
        "{name}含有范围不明的 32 位数值；请存为每通道 8 或 16 位"
    ),
    "{name} cannot be read ({reason}); check the file and its permissions": (
        "{name}无法读取（{reason}）；请检查文件及其权限"
    ),
    "{name} cannot be read ({reason}); choose it again": "{name}无法读取（{reason}）；请重新选择",
    "the photograph is larger than {most} MiB; save it smaller first": "照片大于 {most} MiB；请先存小一些",
    "the {name} is larger than {most} MiB; save it smaller first": "{name}大于 {most} MiB；请先存小一些",
    "{name} is larger than {most} MiB; save it smaller first": "{name}大于 {most} MiB；请先存小一些",
    "the {name} is no longer on the server; choose it again": "{name}已不在服务器上；请重新选择",
    "{name} is {width} x {height} pixels, too small or too narrow; choose one that keeps {least} pixels on its shorter "
    "side when its longer side is {side}": (
        "{name}只有 {width} x {height} 像素，太小或太窄；请选长边为 {side} 像素时短边不少于 {least} 像素的图片"
    ),
    "{name} is of one colour; choose one with strokes, texture or several colours": (
        "{name}只有一种颜色；请选有笔触、纹理或多种颜色的图片"
    ),
    "choose a photograph first: upload one or take an example": "请先选一张照片：上传，或用示例",
    "the photograph is {width} x {height} pixels, too small or too narrow to paint at size {size}; choose one that "
    "keeps {least} pixels on its shorter side": (
        "照片只有 {width} x {height} 像素，太小或太窄，无法按尺寸 {size} 作画；请选短边不少于 {least} 像素的照片"
    ),
    "the photograph cannot be read ({reason}); choose it again": "照片无法读取（{reason}）；请重新选择",
    "the picture is {width} x {height} pixels, smaller than the {least} that the network needs a side; choose a larger "
    "one": "图片只有 {width} x {height} 像素，小于网络所需的每边 {least} 像素；请选大一些的",
    "the picture is {width} x {height} pixels, too narrow for size {size}; choose a larger size": (
        "图片只有 {width} x {height} 像素，对尺寸 {size} 来说太窄；请选大一些的尺寸"
    ),
    "the picture has {width} x {height} pixels; choose one of {least} or more": (
        "图片只有 {width} x {height} 像素；请选不小于 {least} 像素的"
    ),
    "{factor} times {width} x {height} pixels are more than {most} a side; cut or scale the picture to {largest} a "
    "side first": ("{width} x {height} 像素放大 {factor} 倍后每边超过 {most}；请先把图片裁剪或缩小到每边 {largest}"),
    "only pictures of up to {most} pixels a side are painted anew here": "此处只能重画每边不超过 {most} 像素的图片",
    # Masks, drawings and hints
    "the mask is {width} x {height} pixels and the photograph {wide} x {high}; draw a mask as large as its "
    "photograph": ("蒙版为 {width} x {height} 像素，照片为 {wide} x {high} 像素；请画与照片一样大的蒙版"),
    "the mask is {width} x {height} pixels, the picture {wide} x {high}; give a mask of the picture's size": (
        "蒙版为 {width} x {height} 像素，图片为 {wide} x {high} 像素；请给出与图片一样大的蒙版"
    ),
    "the drawn mask must be a PNG as a data URI; clear it and draw it anew": (
        "画好的蒙版须为 PNG 数据 URI；请清除后重画"
    ),
    "the drawn mask is damaged; clear it and draw it anew": "画好的蒙版已损坏；请清除后重画",
    "there is no mask; paint over what is to be filled": "还没有蒙版；请涂抹要填补的部分",
    "the mask is empty; paint over what is to be filled": "蒙版是空的；请涂抹要填补的部分",
    "the mask covers the whole picture; leave some of it to go by": "蒙版盖住了整张图片；请留出一部分作为依据",
    "this is no painted picture; paint again": "这不是画好的图片；请重新画",
    "a painted picture has at most {most} layers": "画好的图片最多有 {most} 个图层",
    "this is no layer of a painted picture; paint again": "这不是画好的图片的图层；请重新画",
    "the form cannot be read; paint again": "表单无法读取；请重新画",
    "there is no picture; choose one first": "还没有图片；请先选一张",
    "there is no {name}; choose one first": "还没有{name}；请先选一个",
    "there is nothing on the drawing; draw some dark lines on it first": "画布上还什么都没有；请先画几笔深色线条",
    'hints must be a list of at most {most} entries like [0.5, 0.25, "#cc3300"]': (
        '颜色提示须为列表，最多 {most} 项，每项形如 [0.5, 0.25, "#cc3300"]'
    ),
    'a hint must be like [0.5, 0.25, "#cc3300"], x and y from 0 to below 1 inside the picture, not {value}': (
        '颜色提示须形如 [0.5, 0.25, "#cc3300"]，x 与 y 在图片内、从 0 到不足 1，而不是 {value}'
    ),
    # Styles
    'mixture must be JSON like {"ink": 0.7, "waves": 0.3}': '风格混合须为形如 {"ink": 0.7, "waves": 0.3} 的 JSON',
    "the weights of the mixture sum to zero; give at least one style a weight above zero": (
        "各风格的权重之和为零；请让至少一种风格的权重大于零"
    ),
    "the weight of '{name}' must be a number from 0 up, not {value}": "“{name}”的权重须为不小于 0 的数，而不是 {value}",
    "give either a style or a mixture of styles, not both": "请给出一种风格或多种风格的混合，不要同时给出",
    "give either a style or a style picture; to mix both, name '{name}' in a mixture": (
        "请给出一种风格或一张风格图片；要混合两者，请在混合中写“{name}”"
    ),
    # Numbers and choices
    "{name} must be a whole number from {lowest} to {highest}, not {value}": (
        "{name} 须为 {lowest} 到 {highest} 的整数，而不是 {value}"
    ),
    "{name} must be a number from {lowest} to {highest}, not {value}": (
        "{name} 须为 {lowest} 到 {highest} 的数，而不是 {value}"
    ),
    "{name} must lie between {lowest} and {highest}, not at {value}": (
        "{name} 须在 {lowest} 与 {highest} 之间，而不是 {value}"
    ),
    "{name} must be one of {known}, not {value}": "{name} 须为 {known} 之一，而不是 {value}",
    "{name} must be a list, not {value}": "{name} 须为列表，而不是 {value}",
    "{name} must hold at most {longest} entries, not {count}": "{name} 最多有 {longest} 项，而不是 {count} 项",
    "{name} must be an object with {known}, not {value}": "{name} 须为含有 {known} 的对象，而不是 {value}",
    "{name} has no '{key}'; it takes {known}": "{name} 没有“{key}”；可用 {known}",
    "pins must be 1, 2 or 4 pictures, not {count}": "定位图须为 1、2 或 4 张，而不是 {count} 张",
    "pins must be 2 to {most} pictures, not {count}": "站点须为 2 到 {most} 张图片，而不是 {count} 张",
    "a map has 4 pins, and neither x nor y nor enlarge": "地图有 4 张定位图，不带 x、y 或 enlarge",
    "loop must be true or false": "loop 须为 true 或 false",
    "the journey has {frames} frames, more than the {most} of {width} x {height} pixels that are made at once; take "
    "fewer pins, seconds or frames per second, or smaller frames": (
        "旅程有 {frames} 帧，超过一次可制作的 {most} 帧（{width} x {height} 像素）；请减少站点、秒数、帧率或缩小画面"
    ),
    "enlarge may not make more than {most} megapixels; choose a smaller factor": (
        "放大后不得超过 {most} 百万像素；请选小一些的倍数"
    ),
    "choose 1 to {most} models to compare, not {count}": "请选 1 到 {most} 个模型来比较，而不是 {count} 个",
    "models must be a list of names; /healthz lists them": "models 须为名称列表；可用的见 /healthz",
    "model must be the name of a model; /healthz lists them": "model 须为模型名称；可用的见 /healthz",
    "source must be the name of a model with classes; /healthz lists them": (
        "source 须为有类别的模型的名称；可用的见 /healthz"
    ),
    "an attribute needs a picture or more that has it, and one or more without it": (
        "一个属性需要至少一张具有它的图片和至少一张没有它的图片"
    ),
    "the model '{name}' has no classes; choose a source that has": "模型“{name}”没有类别；请选有类别的来源",
    "{name} must hold the {size} numbers of this model's codes, not {count}": (
        "{name} 须含此模型编码的 {size} 个数，而不是 {count} 个"
    ),
    # Recipes to verify
    "the recipe names several uploaded styles; this page paints with one": "配方含有多张上传的风格；本页只能用一张",
    "this is another {name} than the recipe names; choose the file it was made from": (
        "这与配方所记的{name}不同；请选当时所用的文件"
    ),
    "the recipe is damaged": "配方已损坏",
    "the request must have the picture to check under 'result', as base64": (
        "请求须在“result”下以 base64 给出要检查的图片"
    ),
    "every file must be base64; encode it anew": "每个文件须为 base64；请重新编码",
    # Models
    "there is no model '{name}' for this; choose from: {known}": "没有可用于此的模型“{name}”；可选：{known}",
    "the model '{name}' has no encoder; choose an autoencoding one, such as 'vae'": (
        "模型“{name}”没有编码器；请选自编码模型，如“vae”"
    ),
    "the model '{name}' does not paint in steps; choose a recurrent one": "模型“{name}”不是逐步作画；请选循环模型",
    "the model '{name}' has no graph '{graph}'; export it again": "模型“{name}”没有“{graph}”图；请重新导出",
    "the model '{name}' made numbers that are not finite; train it again": "模型“{name}”算出了非有限的数；请重新训练",
    "the model '{name}' is of an older make; export it again": "模型“{name}”是旧版制作的；请重新导出",
    "the model '{name}' takes {expected}, not {given}": "模型“{name}”需要 {expected}，而不是 {given}",
    "the model '{name}' failed ({reason}); export it again": "模型“{name}”运行失败（{reason}）；请重新导出",
    "'{name}' took longer than {limit} s; ask for a smaller picture": "“{name}”用时超过 {limit} 秒；请求小一些的图片",
    "the model '{name}' paints at most {most} megapixels, because it has no graph for tiles; choose a smaller size, or "
    "export it again": ("模型“{name}”没有分块图，最多画 {most} 百万像素；请选小一些的尺寸，或重新导出"),
    "the model '{name}' does '{task}', which is not known here; export it again": (
        "模型“{name}”的任务“{task}”在此未知；请重新导出"
    ),
    "'{name}' must be float32 of shape ({shape}), not {type} of shape {given}": (
        "“{name}”须为形状 ({shape}) 的 float32，而不是形状 {given} 的 {type}"
    ),
    "'{name}' holds numbers that are not finite": "“{name}”含有非有限的数",
    "'{name}' must lie in [{lowest}, {highest}], not [{least}, {most}]": (
        "“{name}”须在 [{lowest}, {highest}] 内，而不是 [{least}, {most}]"
    ),
    "'{name}' must have rows that sum to one": "“{name}”各行之和须为一",
    "{path} does not belong to the model beside it; export both again": "{path} 与旁边的模型不相配；请一起重新导出",
    "{path} was overwritten while it was in use; ask again": "{path} 在使用中被覆盖；请再试一次",
    "{path} is larger than 2 GiB; export the model again": "{path} 大于 2 GiB；请重新导出模型",
    "{path} does not exist; make it with `make repro`": "{path} 不存在；请用 `make repro` 制作",
    "{path} cannot be read ({reason}); check its permissions": "{path} 无法读取（{reason}）；请检查其权限",
    "{path} is damaged or cut short; make it anew with `{command}`": "{path} 已损坏或不完整；请用 `{command}` 重新制作",
    "{path} carries no model card; make a model of our own with `{command}`": (
        "{path} 没有模型卡；请用 `{command}` 制作本项目的模型"
    ),
    "{path} is {reason}; make it anew with `{command}`": "{path} 不可用（{reason}）；请用 `{command}` 重新制作",
    "{path} keeps weights in another file; export it with all weights inside": (
        "{path} 把权重放在另一个文件里；请把全部权重导出在内"
    ),
    "{path} uses the operator '{operator}', which is not run here; export it without": (
        "{path} 使用了此处不运行的算子“{operator}”；请导出时避免它"
    ),
    "{path} cannot run on CUDA here; install the NVIDIA driver and CUDA, or choose the CPU": (
        "{path} 无法在此用 CUDA 运行；请安装 NVIDIA 驱动与 CUDA，或选用 CPU"
    ),
    "{path} cannot be loaded ({reason}); export it again": "{path} 无法载入（{reason}）；请重新导出",
    "{path} has the {kind}s {found}, but its card says {said}; export it again": (
        "{path} 的 {kind} 为 {found}，而其模型卡写的是 {said}；请重新导出"
    ),
    "{path} cannot be read ({reason}); make it anew with `python -m pipeline compare`": (
        "{path} 无法读取（{reason}）；请用 `python -m pipeline compare` 重新制作"
    ),
    "{path} is not shown: {reason}": "{path} 未显示：{reason}",
    "it is larger than 1 MiB; add the style again": "它大于 1 MiB；请重新添加此风格",
    "it was made for another state of the model; add the style again": "它属于模型的另一状态；请重新添加此风格",
    "it is damaged; add the style again": "它已损坏；请重新添加此风格",
    "there is another style '{name}'; add it again under another name": "已有另一种风格“{name}”；请换个名称重新添加",
    # The engine elsewhere, and the registry
    "{url} runs another version of '{name}' than the one here; bring them together": (
        "{url} 运行的“{name}”与此处的版本不同；请使二者一致"
    ),
    "{url} has a '{name}' with the {key} {names}, not those of the card here; let it serve the same model": (
        "{url} 的“{name}”的 {key} 为 {names}，与此处模型卡不符；请让它提供同一模型"
    ),
    "{url} did not answer within {limit} s; try again later": "{url} 在 {limit} 秒内没有应答；请稍后再试",
    "no inference server answers at {url}; start it, or correct ENGINE_URL": (
        "{url} 没有推理服务器应答；请启动它，或更正 ENGINE_URL"
    ),
    "{url} refused ({status}{reason}); look at its log": "{url} 拒绝了请求（{status}{reason}）；请看它的日志",
    "{url} answered with more than {most} bytes; look at its log": "{url} 的应答超过 {most} 字节；请看它的日志",
    "{url} does not speak the Open Inference Protocol v2; correct ENGINE_URL": (
        "{url} 不支持 Open Inference Protocol v2；请更正 ENGINE_URL"
    ),
    "{url} answered what is no answer ({reason}); look at its log": "{url} 的应答无法理解（{reason}）；请看它的日志",
    "{url} answered without a fitting '{output}' of '{name}'; look at its log": (
        "{url} 的应答中没有合适的“{name}”的“{output}”；请看它的日志"
    ),
    "the engine '{url}' is no http or https address of host, port and path alone; correct ENGINE_URL": (
        "引擎“{url}”不是只含主机、端口和路径的 http 或 https 地址；请更正 ENGINE_URL"
    ),
    "the registry '{url}' is no http or https address; correct it with --registry": (
        "注册表“{url}”不是 http 或 https 地址；请用 --registry 更正"
    ),
    "the model '{name}' of {url} has a name that is no file's; rename it": (
        "{url} 的模型“{name}”的名称不能作文件名；请改名"
    ),
    "version {version} of '{name}' at {url} has no tag {tag}; register it with `python -m pipeline register "
    "{recipe}`": ("{url} 上“{name}”的版本 {version} 没有标签 {tag}；请用 `python -m pipeline register {recipe}` 注册"),
    "{file} of version {version} of '{name}' at {url} has the digest {found}, but {promoted} was promoted; register it "
    "again": ("{url} 上“{name}”的版本 {version} 的 {file} 摘要为 {found}，而提升的是 {promoted}；请重新注册"),
    "{url} does not answer as MLflow does; correct --registry": "{url} 的应答不像 MLflow；请更正 --registry",
    "{url} answers with status {status}; look at its log": "{url} 以状态 {status} 应答；请看它的日志",
    "{url} wants a user who may read; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD": (
        "{url} 需要有读取权限的用户；请设置 MLFLOW_TRACKING_USERNAME 与 MLFLOW_TRACKING_PASSWORD"
    ),
    "the champion of '{name}' at {url} cannot be used: {reason}": "{url} 上“{name}”的冠军无法使用：{reason}",
    "{path} cannot be written ({reason}); free the disk or its permissions": (
        "{path} 无法写入（{reason}）；请腾出磁盘空间或更正权限"
    ),
    "no MLflow server answers at {url}; start it, or correct --registry": (
        "{url} 没有 MLflow 服务器应答；请启动它，或更正 --registry"
    ),
    # Too much at once
    "the studio is busy; try again in a moment": "工作室正忙；请稍后再试",
    "who asked has left, so the work was not done": "请求者已离开，所以没有完成",
    "who asked has left, so the picture was not made": "请求者已离开，所以没有作画",
    "the {most} MiB for temporary files are in use; try again in a minute": (
        "临时文件的 {most} MiB 已用完；请一分钟后再试"
    ),
    "the server's disk is nearly full, less than {least} MiB would be left; ask its owner to free some": (
        "服务器磁盘将满，剩余将不足 {least} MiB；请让其主人腾出空间"
    ),
    "the request is longer than {most} MiB; send less": "请求超过 {most} MiB；请少发一些",
    "the request is larger than {most} MiB; send less": "请求超过 {most} MiB；请少发一些",
    "the request is longer than {most} bytes; send less": "请求超过 {most} 字节；请少发一些",
    "the request must be a JSON object": "请求须为 JSON 对象",
    "the request came too slowly; send it again": "请求来得太慢；请重新发送",
    "too many requests from this address; wait a little": "此地址的请求过多；请稍候",
    "this studio asks for a user and a password; give them as HTTP Basic": (
        "此工作室需要用户名和密码；请以 HTTP Basic 给出"
    ),
    "another site may not use this studio in a visitor's name; open it in its own tab": (
        "其他网站不得以访客的名义使用此工作室；请在单独的标签页中打开"
    ),
    "{count} results wait that nobody fetched; reload the page": "有 {count} 项结果无人取走；请刷新页面",
    "{count} of your jobs wait already; let them finish first": "你已有 {count} 项任务在等待；请等它们完成",
    "{count} jobs from your address wait already; let them finish first": (
        "你的地址已有 {count} 项任务在等待；请等它们完成"
    ),
    "this cannot be read; a form names each of its files 'files', and an event has arguments of its kinds": (
        "这无法读取；表单中每个文件须名为“files”，事件须有相应种类的参数"
    ),
    "there is nothing here; /healthz lists the models, About tells the endpoints": (
        "这里什么都没有；/healthz 列出模型，“关于”说明端点"
    ),
}
