"""The tab that tells what is served here, what it cannot do, how to call it, and whose the data are."""

from demo.tabs.tab import Tab

TEXTS_EN = {
    "title": "About",
    "tour": "Read what the models learned from, what they cannot do, and how to call them from a program.",
    "models": "Models",
    "none": "No model is served yet.",
    "task_sample": "paints pictures from noise",
    "task_stylize": "paints photographs in a style",
    "task_translate": "turns a picture into another",
    "task_reconstruct": "finds a picture again in its own language",
    "version": "Version",
    "date": "Date",
    "digest": "SHA-256 of the file",
    "size": "Picture",
    "pixels": "{size} x {size} pixels, {channels}",
    "colour": "colour",
    "grey": "grey",
    "classes": "Classes or styles",
    "device": "Runs on",
    "made": "Made from",
    "quality": "Measured quality",
    "unmeasured": "its card tells none",
    "limits": "Limits",
    "limit_size": "The models are small and were trained from scratch; they paint at the sizes their cards tell, and "
    "enlarging adds no detail.",
    "limit_truth": "Their pictures show nothing that happened. Every file says so: its text names IPTC's "
    "trainedAlgorithmicMedia.",
    "limit_bits": "A recipe gives the same picture bit for bit on the same machine; other processors or library "
    "versions may round a few pixels otherwise.",
    "limit_private": "Nothing leaves this server. The history stays in your browser.",
    "api": "Call it from a program",
    "api_why": "Every picture of the Explore tab is one request. More endpoints, with their arguments, stand behind "
    "“Use via API” at the foot of the page.",
    "copy": "Copy {name}",
    "copied": "Copied.",
    "licences": "Licences of the data",
    "licence_procedural": "Generated art (procedural): drawn by this project's own program, MIT.",
    "licence_photographs": "Sample photographs of scikit-image and scikit-learn: public domain or Creative Commons, as "
    "those packages tell for each.",
    "licence_digits": "Handwritten digits (UCI, Alpaydin and Kaynak 1998): Creative Commons Attribution 4.0.",
    "licence_cifar10": "CIFAR-10 (Krizhevsky 2009): for research; its authors name no licence.",
    "licence_folder": "Your own folders of pictures: what you have the right to.",
    "licence_ganvas": "Ganvas itself: MIT.",
}
TEXTS_ZH = {
    "title": "关于",
    "tour": "了解模型从何学来、做不到什么，以及如何用程序调用。",
    "models": "模型",
    "none": "还没有可用的模型。",
    "task_sample": "从噪声生成图片",
    "task_stylize": "以某种风格重绘照片",
    "task_translate": "把一幅图片变成另一幅",
    "task_reconstruct": "用自己的语言重现一幅图片",
    "version": "版本",
    "date": "日期",
    "digest": "文件的 SHA-256",
    "size": "图片",
    "pixels": "{size} x {size} 像素，{channels}",
    "colour": "彩色",
    "grey": "灰度",
    "classes": "类别或风格",
    "device": "运行于",
    "made": "来源",
    "quality": "测得的质量",
    "unmeasured": "模型卡未注明",
    "limits": "局限",
    "limit_size": "模型都很小，且从零训练；它们按模型卡所注的尺寸作画，放大不会增加细节。",
    "limit_truth": "图片所绘并非真实发生之事。每个文件都有说明：其文本注明 IPTC 的 trainedAlgorithmicMedia。",
    "limit_bits": "同一台机器上，同一配方得到逐位相同的图片；其他处理器或库版本可能使少数像素的舍入不同。",
    "limit_private": "没有任何内容离开此服务器。历史只保存在你的浏览器中。",
    "api": "用程序调用",
    "api_why": "“探索”页的每幅图片都是一次请求。更多接口及其参数见页面底部的 API 链接。",
    "copy": "复制 {name}",
    "copied": "已复制。",
    "licences": "数据的许可",
    "licence_procedural": "生成艺术（procedural）：由本项目自己的程序绘制，MIT。",
    "licence_photographs": "scikit-image 与 scikit-learn 的示例照片：公有领域或知识共享，"
    "以这两个软件包对每张照片的说明为准。",
    "licence_digits": "手写数字（UCI，Alpaydin 与 Kaynak 1998）：知识共享 署名 4.0。",
    "licence_cifar10": "CIFAR-10（Krizhevsky 2009）：供研究使用，作者未注明许可。",
    "licence_folder": "你自己的图片文件夹：以你拥有的权利为准。",
    "licence_ganvas": "Ganvas 本身：MIT。",
}


TAB = Tab(texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH})
