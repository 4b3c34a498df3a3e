"""The tab that tells what is served here, what it cannot do, how to call it, and whose the data are."""

from demo.tab import Tab

TEXTS_EN = {
    "title": "About",
    "tour": "Read what the models learned from, what they cannot do, and how to call them from a program.",
    "models": "Models",
    "none": "No model is served yet.",
    "task_sample": "paints pictures from noise",
    "task_stylize": "paints photographs in a style",
    "task_translate": "turns a picture into another",
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
    "limit_size": "The models are small and were trained from scratch. Those that paint from noise do so at the size "
    "their card tells, and enlarging adds no detail; the others take larger pictures than they were trained on.",
    "limit_truth": "Their pictures show nothing that happened. The pictures and films that this page saves say so: "
    "their text names IPTC's trainedAlgorithmicMedia.",
    "limit_bits": "A recipe gives the same picture bit for bit on the same machine; other processors or library "
    "versions may round a few pixels otherwise.",
    "limit_private": "Nothing leaves this server, unless whoever runs it lets another one run the models (ENGINE_URL). "
    "The history stays in your browser.",
    "api": "Call it from a program",
    "api_why": "Everything the page does can be called. Choose what; the programs run as they stand. The arguments of "
    "the queued ones are told behind “Use via API” at the foot of the page.",
    "endpoint": "What to call",
    "call_picture": "One picture at a place of the map",
    "call_sample": "Pictures from seeds, with a zip",
    "call_stylize": "A photograph in a style",
    "call_translate": "A picture translated",
    "call_reconstruct": "A picture reconstructed",
    "call_compare": "Models side by side",
    "call_verify": "A picture verified",
    "call_absent": "No model for this is served here; put in the name of one.",
    "files": "Its data",
    "copy": "Copy {name}",
    "copied": "Copied.",
    "licences": "Licences of the data",
    "licence_procedural": "Generated art (procedural): drawn by this project's own program, MIT.",
    "licence_photographs": "Sample photographs of scikit-image and scikit-learn: public domain or Creative Commons, as "
    "those packages tell for each.",
    "licence_digits": "Handwritten digits (UCI, Alpaydin and Kaynak 1998): Creative Commons Attribution 4.0.",
    "licence_cifar10": "CIFAR-10 (Krizhevsky 2009): for research; its authors name no licence.",
    "licence_contents_and_styles": "Photographs and pictures of styles from several sources (contents_and_styles): "
    "each under its own terms; demo/starter/README.md tells those of the models that ship.",
    "licence_joined": "Several sources together (joined): each under its own terms.",
    "licence_crops": "Crops of another source's pictures (crops): under that source's terms; demo/starter/README.md "
    "tells those of the models that ship.",
    "licence_idx": "Files in MNIST's format (idx): under the terms of whoever gave them to you.",
    "licence_parquet": "Parquet files (parquet): under the terms of whoever gave them to you.",
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
    "limit_size": "模型都很小，且从零训练。由噪声作画的模型按模型卡所注的尺寸作画，放大不会增加细节；"
    "其余模型可处理比训练时更大的图片。",
    "limit_truth": "图片所绘并非真实发生之事。从本页保存的图片和影片都有说明："
    "其文本注明 IPTC 的 trainedAlgorithmicMedia。",
    "limit_bits": "同一台机器上，同一配方得到逐位相同的图片；其他处理器或库版本可能使少数像素的舍入不同。",
    "limit_private": "没有任何内容离开此服务器，除非运营者让另一台服务器运行模型（ENGINE_URL）。"
    "历史只保存在你的浏览器中。",
    "api": "用程序调用",
    "api_why": "页面所做的一切都可调用。选择一项，程序可直接运行。排队接口的参数见页面底部的 API 链接。",
    "endpoint": "调用什么",
    "call_picture": "地图上一处的图片",
    "call_sample": "由种子生成图片，附 zip",
    "call_stylize": "以某种风格重绘照片",
    "call_translate": "转换一幅图片",
    "call_reconstruct": "重建一幅图片",
    "call_compare": "并排比较模型",
    "call_verify": "验证一幅图片",
    "call_absent": "此处没有这类模型，请填入模型名。",
    "files": "所用数据",
    "copy": "复制 {name}",
    "copied": "已复制。",
    "licences": "数据的许可",
    "licence_procedural": "生成艺术（procedural）：由本项目自己的程序绘制，MIT。",
    "licence_photographs": "scikit-image 与 scikit-learn 的示例照片：公有领域或知识共享，"
    "以这两个软件包对每张照片的说明为准。",
    "licence_digits": "手写数字（UCI，Alpaydin 与 Kaynak 1998）：知识共享 署名 4.0。",
    "licence_cifar10": "CIFAR-10（Krizhevsky 2009）：供研究使用，作者未注明许可。",
    "licence_contents_and_styles": "来自多个来源的照片与风格图片（contents_and_styles）：各依其条款，"
    "随附模型的条款见 demo/starter/README.md。",
    "licence_joined": "多个来源合并（joined）：各依其条款。",
    "licence_crops": "从其他来源裁切的图片（crops）：依该来源的条款，随附模型的条款见 demo/starter/README.md。",
    "licence_idx": "MNIST 格式的文件（idx）：以提供者的条款为准。",
    "licence_parquet": "Parquet 文件（parquet）：以提供者的条款为准。",
    "licence_folder": "你自己的图片文件夹：以你拥有的权利为准。",
    "licence_ganvas": "Ganvas 本身：MIT。",
}


TAB = Tab(texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH})
