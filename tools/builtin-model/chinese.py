"""Chinese words: names of the photo concepts, of their families, and of everything that a scene can show.

Several names for one thing are separated by bars, the most usual one first. Brands keep their Latin letters.
"""

NAMES = {
    "accordion": "手风琴", "airplane": "飞机|客机", "anchor": "锚|船锚", "ant": "蚂蚁", "barrel": "木桶|桶", "bass": "鲈鱼",
    "beaver": "河狸|海狸", "binocular": "望远镜|双筒望远镜", "bonsai": "盆景", "brain": "大脑|脑", "brontosaurus": "雷龙",
    "buddha": "佛像|佛", "butterfly": "蝴蝶", "camera": "相机|照相机", "cannon": "大炮|加农炮", "car": "汽车|轿车|小汽车",
    "ceiling fan": "吊扇", "cellphone": "手机|移动电话", "chair": "椅子", "chandelier": "吊灯|枝形吊灯", "cougar": "美洲狮",
    "cougar face": "美洲狮的脸|美洲狮脸", "crab": "螃蟹|蟹", "crayfish": "小龙虾|螯虾", "crocodile": "鳄鱼",
    "crocodile head": "鳄鱼头|鳄鱼的头", "cup": "杯子|马克杯", "dalmatian": "斑点狗|大麦町犬", "dollar bill": "美元|美元钞票|钞票",
    "dolphin": "海豚", "dragonfly": "蜻蜓", "electric guitar": "电吉他", "elephant": "大象|象", "emu": "鸸鹋", "euphonium": "上低音号",
    "ewer": "水壶|水罐", "face": "人脸|脸|面孔", "ferry": "渡轮|轮渡", "flamingo": "火烈鸟", "flamingo head": "火烈鸟的头|火烈鸟头",
    "garfield": "加菲猫", "gerenuk": "长颈羚", "gramophone": "留声机", "grand piano": "三角钢琴|钢琴", "hawksbill": "玳瑁|海龟",
    "headphone": "耳机|头戴式耳机", "hedgehog": "刺猬", "helicopter": "直升机|直升飞机", "ibis": "鹮", "inline skate": "轮滑鞋|直排轮滑鞋|溜冰鞋",
    "joshua tree": "约书亚树", "kangaroo": "袋鼠", "ketch": "双桅帆船", "lamp": "台灯|灯", "laptop": "笔记本电脑|手提电脑",
    "leopard": "豹子|豹", "llama": "大羊驼|美洲驼", "lobster": "龙虾", "lotus": "莲花|荷花", "mandolin": "曼陀林", "mayfly": "蜉蝣",
    "menorah": "犹太烛台|七枝烛台|烛台", "metronome": "节拍器", "minaret": "宣礼塔|清真寺尖塔", "motorbike": "摩托车", "nautilus": "鹦鹉螺",
    "octopus": "章鱼", "okapi": "霍加狓", "pagoda": "宝塔|佛塔", "panda": "熊猫|大熊猫", "pigeon": "鸽子", "pizza": "披萨|比萨",
    "platypus": "鸭嘴兽", "pyramid": "金字塔", "revolver": "左轮手枪|手枪", "rhino": "犀牛", "rooster": "公鸡", "saxophone": "萨克斯|萨克斯管",
    "schooner": "纵帆船", "scissors": "剪刀", "scorpion": "蝎子", "sea horse": "海马", "snoopy": "史努比", "soccer ball": "足球",
    "stapler": "订书机", "starfish": "海星", "stegosaurus": "剑龙", "stop sign": "停车标志|停止标志", "strawberry": "草莓",
    "sunflower": "向日葵", "tick": "蜱虫|蜱", "trilobite": "三叶虫", "umbrella": "雨伞|伞", "watch": "手表|腕表", "water lily": "睡莲",
    "wheelchair": "轮椅", "wild cat": "野猫", "windsor chair": "温莎椅", "wrench": "扳手", "yin yang": "阴阳|太极|太极图",
    "dress": "连衣裙", "hat": "帽子", "jacket": "夹克|外套", "long sleeve shirt": "长袖衫|长袖上衣", "pants": "裤子|长裤", "shirt": "衬衫|衬衣",
    "shoes": "鞋子|鞋", "shorts": "短裤", "skirt": "半身裙|短裙", "t-shirt": "T恤|T恤衫",
    "alpro blueberry soyghurt": "alpro蓝莓大豆酸奶", "alpro fresh soy milk": "alpro鲜豆奶", "alpro shelf soy milk": "alpro常温豆奶",
    "alpro vanilla soyghurt": "alpro香草大豆酸奶", "anjou pear": "安茹梨", "arla ecological medium fat milk": "arla有机中脂牛奶",
    "arla ecological sour cream": "arla有机酸奶油", "arla lactose medium fat milk": "arla无乳糖中脂牛奶", "arla medium fat milk": "arla中脂牛奶",
    "arla mild vanilla yoghurt": "arla温和香草酸奶", "arla natural mild low fat yoghurt": "arla温和低脂原味酸奶", "arla natural yoghurt": "arla原味酸奶",
    "arla sour cream": "arla酸奶油", "arla sour milk": "arla酸牛奶", "arla standard milk": "arla标准牛奶", "asparagus": "芦笋",
    "aubergine": "茄子", "avocado": "牛油果|鳄梨", "banana": "香蕉", "beef tomato": "牛番茄|牛排番茄", "bravo apple juice": "bravo苹果汁",
    "bravo orange juice": "bravo橙汁", "brown cap mushroom": "褐蘑菇|棕色蘑菇", "cabbage": "卷心菜|圆白菜|包菜",
    "cantaloupe melon": "哈密瓜|罗马甜瓜", "carrots": "胡萝卜", "conference pear": "康佛伦斯梨", "cucumber": "黄瓜", "floury potato": "粉质土豆",
    "galia melon": "加利亚甜瓜", "garant ecological medium fat milk": "garant有机中脂牛奶", "garant ecological standard milk": "garant有机标准牛奶",
    "garlic": "大蒜|蒜", "ginger": "生姜|姜", "god morgon apple juice": "god morgon苹果汁", "god morgon orange juice": "god morgon橙汁",
    "god morgon orange red grapefruit juice": "god morgon橙子红西柚汁", "god morgon red grapefruit juice": "god morgon红西柚汁",
    "golden delicious apple": "金冠苹果|黄元帅苹果", "granny smith apple": "青苹果|澳洲青苹果", "green bell pepper": "青椒|绿甜椒|绿色甜椒",
    "honeydew melon": "蜜瓜|白兰瓜", "kaiser pear": "凯撒梨", "kiwi": "猕猴桃|奇异果", "leek": "韭葱", "lemon": "柠檬", "lime": "青柠|青柠檬",
    "mango": "芒果", "nectarine": "油桃", "oatly natural oatghurt": "oatly原味燕麦酸奶", "oatly oat milk": "oatly燕麦奶", "orange": "橙子|橙",
    "orange bell pepper": "橙色甜椒|橙甜椒|橙色彩椒", "papaya": "木瓜", "passion fruit": "百香果", "peach": "桃子|桃", "pineapple": "菠萝|凤梨",
    "pink lady apple": "粉红女士苹果|粉红佳人苹果", "plum": "李子", "pomegranate": "石榴", "red beet": "甜菜根|红甜菜",
    "red bell pepper": "红甜椒|红椒|红色甜椒", "red delicious apple": "蛇果|红元帅苹果", "red grapefruit": "红西柚|红葡萄柚",
    "regular tomato": "普通番茄|普通西红柿", "royal gala apple": "嘎啦苹果|皇家嘎啦苹果", "satsumas": "蜜柑|橘子|温州蜜柑", "solid potato": "硬质土豆",
    "sweet potato": "红薯|地瓜|甘薯", "tropicana apple juice": "tropicana苹果汁", "tropicana golden grapefruit juice": "tropicana黄金西柚汁",
    "tropicana juice smooth": "tropicana顺滑果汁", "tropicana mandarin morning juice": "tropicana早晨柑橘汁",
    "valio vanilla yoghurt": "valio香草酸奶", "vine tomato": "串番茄|藤番茄", "watermelon": "西瓜", "yellow bell pepper": "黄甜椒|黄椒|黄色甜椒",
    "yellow onion": "黄洋葱", "yoggi strawberry yoghurt": "yoggi草莓酸奶", "yoggi vanilla yoghurt": "yoggi香草酸奶", "zucchini": "西葫芦",
    "animal": "动物", "bird": "鸟", "insect": "昆虫", "fish": "鱼", "cat": "猫", "dog": "狗", "dinosaur": "恐龙", "boat": "船", "sailboat": "帆船",
    "vehicle": "交通工具", "musical instrument": "乐器", "guitar": "吉他", "flower": "花|花朵", "tree": "树|大树", "furniture": "家具",
    "building": "建筑|建筑物", "clothing": "衣服|服装", "weapon": "武器", "tool": "工具", "clock": "钟|时钟|钟表", "cartoon": "卡通",
    "vegetable": "蔬菜", "fruit": "水果", "mushroom": "蘑菇", "bell pepper": "甜椒|彩椒|柿子椒", "citrus fruit": "柑橘类水果|柑橘",
    "carton": "纸盒|盒装饮料", "apple juice": "苹果汁", "orange juice": "橙汁", "person": "人", "melon": "甜瓜|瓜", "soyghurt": "大豆酸奶",
    "soy milk": "豆奶|豆浆", "pear": "梨|梨子", "milk": "牛奶", "sour cream": "酸奶油", "yoghurt": "酸奶", "sour milk": "酸牛奶",
    "tomato": "番茄|西红柿", "juice": "果汁", "potato": "土豆|马铃薯", "apple": "苹果", "pepper": "甜椒|椒", "onion": "洋葱", "oatghurt": "燕麦酸奶",
    "oat milk": "燕麦奶", "house": "房子|房屋", "castle": "城堡", "lighthouse": "灯塔", "windmill": "风车", "tent": "帐篷", "bus": "公共汽车|巴士|公交车",
    "truck": "卡车|货车", "bicycle": "自行车|单车", "train": "火车|列车", "hot air balloon": "热气球", "rocket": "火箭", "kite": "风筝",
    "teapot": "茶壶", "heart": "爱心|心", "ball": "球|皮球", "cake": "蛋糕", "ice cream": "冰淇淋|冰激凌", "book": "书|书本", "gift": "礼物|礼盒",
    "balloon": "气球", "rabbit": "兔子", "sheep": "绵羊|羊", "penguin": "企鹅", "duck": "鸭子|鸭", "whale": "鲸鱼|鲸", "turtle": "乌龟|龟",
    "snail": "蜗牛", "ladybird": "瓢虫", "snowman": "雪人", "pine tree": "松树", "palm tree": "棕榈树", "cactus": "仙人掌", "tulip": "郁金香",
    "daisy": "雏菊", "cherry": "樱桃", "carrot": "胡萝卜", "pumpkin": "南瓜", "moon": "月亮", "full moon": "满月|圆月", "sun": "太阳",
    "star": "星星", "rainbow": "彩虹", "mountain": "山|高山", "cloud": "云|云朵", "table": "桌子",
}

COLOURS = {
    "red": "红色", "orange": "橙色", "yellow": "黄色", "green": "绿色", "blue": "蓝色", "purple": "紫色", "pink": "粉色|粉红色", "white": "白色",
    "brown": "棕色|褐色", "black": "黑色", "grey": "灰色", "teal": "青色|蓝绿色",
}

NUMBERS = {1: "一", 2: "两", 3: "三", 4: "四"}

MEASURES = {
    "只": "cat, dog, rabbit, sheep, penguin, duck, bird, butterfly, turtle, octopus, snail, ladybird",
    "辆": "car, bus, truck, bicycle", "列": "train", "条": "fish, whale", "架": "airplane, helicopter", "艘": "sailboat",
    "把": "umbrella, guitar, chair", "座": "house, castle, lighthouse, windmill, mountain", "棵": "tree, pine tree, palm tree, cactus",
    "朵": "sunflower, tulip, daisy, mushroom, cloud", "本": "book", "根": "banana, carrot", "颗": "strawberry, cherry, star, heart",
    "盏": "lamp", "顶": "tent", "枚": "rocket", "份": "gift", "轮": "moon, full moon", "道": "rainbow", "头": "elephant", "块": "cake",
}
"""Measure word to the nouns that take it, separated by commas; all others take 个."""

PLACES = {
    "meadow": "在草地上|在绿色的草地上", "hills": "在青山前|在山丘前", "snow": "在雪地里|在雪中|在冬天", "night": "在夜晚|在夜里|在星空下",
    "sunset": "在日落时|在夕阳下|在傍晚", "desert": "在沙漠里|在沙漠中", "beach": "在海滩上|在沙滩上|在海边", "sea": "在海上|在大海上",
    "sea at sunset": "在日落的海上|在夕阳下的海上", "sea at night": "在夜晚的海上", "lake": "在湖上|在湖面上", "city": "在城市里|在街上|在高楼前",
    "rain": "在雨中|在雨天", "forest": "在森林里|在树林里", "autumn": "在秋天|在秋天的树林里", "underwater": "在水下|在海底|在水中",
    "sky": "在天空中|在蓝天上", "space": "在太空中|在太空里", "table": "在桌子上|在木桌上", "plain": "||在纯色背景前",
}

PHOTO_TEMPLATES = ["{}", "{}", "{}", "{}", "一张{}的照片", "{}的照片", "{}的图片", "一张{}的图片", "这是{}", "一个{}", "一张照片,上面是{}", "拍摄的{}", "找{}", "有{}的照片"]
DRAWING_TEMPLATES = ["{}", "{}", "{}", "{}的图画", "一幅{}的画", "{}的图片", "一张{}的插图"]


def names(noun: str) -> list[str]:
    """Every Chinese name of a noun, the most usual one first; none where none is certain."""
    return NAMES[noun].split("|") if noun in NAMES else []


def measure(noun: str) -> str:
    """The measure word of a noun."""
    return next((word for word, nouns in MEASURES.items() if noun in nouns.split(", ")), "个")
