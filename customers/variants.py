"""Ways to write one character, after the one that they become: a table, and nothing that acts.

The old forms are all those of the lists of characters for common use and for names (常用漢字表, 人名用漢字表:
held against the package `kyujipy` 0.6.8). The rest is what registers of people and of land write. Characters that are
another name (佃 and 田, 晟 and 盛, which wider tables hold for one) are kept apart: who is found must be who is meant.
"""

#: Hyphens, dashes, minus, box lines and long-vowel marks that people use for one another.
DASHES = "-‐‑‒–—―−－ーｰ~〜～─━┄┅┈┉╌╍˗⁃⎯ㅡᅳ︱︲﹘﹣"

#: (斉 and 斎 are two characters, but who says さいとう on the phone does not spell them.)
VARIANTS = """
    亜亞 悪惡 圧壓 栄榮 衛衞 円圓 塩鹽 桜櫻 奥奧 応應 横橫 黄黃 会會 絵繪 鴎鷗 覚覺 学學斈
    岳嶽 楽樂 館舘 寛寬 観觀 巌巖 亀龜 帰歸 気氣 旧舊 暁曉 尭堯 勲勳 薫薰 恵惠 渓溪谿 蛍螢
    鶏雞鷄 剣剱劍劒劔釼 検檢 県縣 献獻 権權 顕顯 厳嚴 広廣 国圀國 黒黑 恒恆 高髙 済濟
    斎斉斋齊齋 蔵藏 崎埼嵜碕﨑 桟棧 参參 蚕蠶 賛贊 残殘 糸絲 実實 舎舍 写寫 釈釋 寿壽 収收
    秋穐 渋澀澁 縦縱 粛肅 処處 松枩柗 昇曻 将將 称稱 焼燒 証證 条條 状狀 浄淨 場塲 畳疊 譲讓
    醸釀 真眞 慎愼 尽盡 図圖 瀬瀨 声聲 静靜 関關 専專 浅淺 船舩 曽曾 双雙 壮壯 荘莊 総總
    聡聰 増增 属屬 続續 帯帶 滝瀧 沢澤 達逹 団團 断斷 昼晝 鋳鑄 鎮鎭 鉄鉃銕鐵 点點 転轉 伝傳
    党黨 島嶋嶌嶹 灯燈 当當 稲稻 徳德 独獨 読讀 栃杤 富冨 柳栁桺 弐貳 辺邉邊 浜濱濵 拝拜 売賣
    麦麥 発發 秘祕 桧檜 渕淵渊 仏佛 並竝 変變 弁瓣辨辯 宝寳寶 豊豐 峰峯 槙槇 巻卷 万萬 満滿
    薮籔藪 吉𠮷 桑桒 与與 誉譽 余餘 様樣 来來 頼賴 覧覽 竜龍 両兩 緑綠 礼禮 霊靈 齢齡 恋戀
    労勞 楼樓 郎郞 禄祿 録錄 湾灣 鎌鐮 麺麵 亘亙 凛凜 村邨 弥彌 穣穰 杉椙 芦蘆 鶴靍靏 岡崗
    砺礪 祷禱 篭籠 蝋蠟 頚頸 諌諫 竃竈 靭靱 舛枡桝 梼檮 園薗 昂昻 晃晄 翠翆 猪豬 青靑 清淸
    間閒 強强 隣鄰 裏裡 蕊蘂 駆驅 穂穗 髪髮 仮假 価價 拡擴 勧勸 歓歡 祇祗 駅驛 峡峽 狭狹
    挟挾 郷鄕 区區 径徑 経經 継繼 茎莖 芸藝 号號 雑襍雜 湿濕 従從 乗乘 触觸 髄髓 数數 摂攝
    銭錢 潜潛 挿插 巣巢 騒騷 滞滯 択擇 胆膽 遅遲 痴癡 虫蟲 庁廳 聴聽 勅敕 逓遞 嚢囊 脳腦
    覇霸 鉢缽 抜拔 蛮蠻 瓶甁 舗舖 穏穩 鴬鶯 訳譯 薬藥 予豫 揺搖 葉枼 塁壘 隷隸 歴歷 暦曆
    炉爐 惣揔 囲圍 医醫 為爲 壱壹 飲飮 隠隱 営營 鋭銳 悦悅 閲閱 縁緣 艶艷 欧歐 殴毆 温溫
    画畫 壊壞 懐懷 概槩槪 殻殼 渇渴 缶罐 陥陷 顔顏 器噐 偽僞 戯戲 犠犧 拠據 挙擧 虚虛 教敎
    掲揭 軽輕 撃擊 欠缺 研硏 倹儉 険險 圏圈 験驗 戸戶 呉吳 娯娛 効效 鉱鑛 告吿 砕碎 歳歲
    剤劑 惨慘 産產 歯齒 児兒 辞辭 獣獸 緒緖 叙敍 尚尙 渉涉 奨奬 剰剩 縄繩 壌壤 嬢孃 嘱囑
    寝寢 粋粹 酔醉 随隨 枢樞 税稅 窃竊 節莭 説說 絶絕 戦戰 践踐 繊纖 禅禪 争爭 捜搜 痩瘦
    装裝 臓臟 即卽 堕墮 対對 体躰軆體 台臺 脱脫 担擔 単單 弾彈 徴徵 盗盜 闘鬥鬪鬬鬭 届屆 内內
    悩惱 廃廢 梅楳 晩晚 払拂 併倂 餅餠 歩步 褒襃 没沒 翻飜 毎每 黙默 謡謠 乱亂 猟獵 涙淚
    励勵 戻戾 錬鍊 朗朖 掴摑 彦彥 瑶瑤 祢禰 箪簞 遥遙 唖啞 嘘噓 頴穎 躯軀 撹攪 麹麴 鹸鹼
    噛嚙 繍繡 蒋蔣 醤醬 掻搔 屏屛 并幷 沪濾 弯彎 焔焰 砿礦 讃讚 顛顚 巔巓 醗醱 溌潑 輌輛
    繋繫 涜瀆 侭儘 蝿蠅 媯嬀 騨驒 晋晉 萌萠 橋槗 京亰 野埜 宜冝 留㽞畄 略畧 土圡𡈽 柏栢 皐皋
    恥耻 蘇蘓 解觧 釜釡 刈苅 兎兔莵菟 美羙 喜㐂 世丗卋 丘㐀 凡凢 虎乕 歌哥 頬頰 迪廸 宮宫
    呂吕 草艸 事亊 卒卆 協恊 回囘囬 年秊 皓晧 糾糺 群羣 花芲 賢贒 鑑鑒 閉閇 韮韭 蛎蠣 鯵鰺
    轟軣 逃迯 紘絋 妙玅 煙烟 耕畊 杯盃 柄抦 楠柟 蓑簑 籏旗 幡旙 賎賤 潟泻 潅灌 聟壻婿 荊荆
    鼡鼠 皃貌 鴈雁鳫 攷考 曵曳 汚汙 泛汎 凉涼 况況 氷冰 决決 准準 凄淒 减減
"""

#: What only looks like a character (Unicode's EquivalentUnifiedIdeograph): text copied from files has it. NFKC knows
#: the radicals of Kangxi, and not these.
RADICALS = """
    ⺁厂 ⺄乙 ⺆冂 ⺈刀 ⺊卜 ⺌小 ⺍小 ⺎兀 ⺐尢 ⺒巳 ⺓幺 ⺔彑 ⺕彐 ⺙攵 ⺛旡 ⺜日 ⺝月 ⺟母 ⺠民 ⺧牛 ⺩王 ⺪疋 ⺫目 ⺬示 ⺮竹
    ⺶羊 ⺻聿 ⺼月 ⺽臼 ⻁虎 ⻃西 ⻄西 ⻆角 ⻇角 ⻊足 ⻑長 ⻗雨 ⻘青 ⻝食 ⻣骨 ⻤鬼 ⻨麦 ⻩黄 ⻫斉 ⻭歯 ⻯竜 ⻱亀 ⻲亀
"""
