//! What departments call the columns, beside the contract's own names.
//!
//! Blanks, signs and case do not matter, nor does what stands in brackets: see `header`. A name stands here only if it
//! can mean nothing else; what only resembles a column is not taken for one.

use crate::import::columns::Column;

/// Names of columns, with `、` between them.
pub(super) const ALIASES: &[(Column, &str)] = &[
    (
        Column::Name,
        "摄像机名称、摄像头名称、相机名称、监控名称、监控点名称、监控点位名称、点位名称、\
         点名称、设备名称、设备名、通道名称、镜头名称、探头名称、视频名称、视频点位名称、\
         资源名称、前端名称、前端设备名称、IPC名称、camera、camera name、device name、\
         channel name、point name",
    ),
    (
        Column::Department,
        "责任部门、部门、部门名称、主管部门、归属部门、管理部门、所属局、所属委办局、委办局、\
         归口部门、行业主管部门、dept、department name",
    ),
    (
        Column::Url,
        "RTSP地址、RTSP、RTSP URL、RTSP流地址、RTSP取流地址、RTSP链接、视频流地址、视频流、\
         取流地址、取流URL、拉流地址、码流地址、主码流、主码流URL、主码流RTSP地址、流地址、\
         流媒体地址、视频地址、视频URL、直播地址、播放地址、stream、stream url、rtsp address、\
         main stream、main stream url、main url、video url",
    ),
    (
        Column::SourceId,
        "点位编号、设备编号、摄像机编号、摄像头编号、监控编号、监控点编号、相机编号、点位代码、\
         资源编号、点位ID、摄像机ID、device no、point id",
    ),
    (Column::Id, "汇聚ID、huiju id"),
    (
        Column::Username,
        "用户、账号、帐号、账户、登录名、登录账号、登录用户名、设备用户名、摄像机用户名、user、\
         user name、account、login",
    ),
    (
        Column::Password,
        "口令、登录密码、设备密码、摄像机密码、账号密码、登录口令、设备口令、pwd、pass、passwd",
    ),
    (Column::Credential, "凭据名称、凭证、登录凭据、credentials"),
    (
        Column::GbCode,
        "国标编号、国标ID、国标码、国标、国标设备编码、国标设备编号、国标通道编码、GB28181编码、\
         GB28181编号、GB28181ID、GB28181、GBT28181编码、28181编码、28181编号、GB编码、\
         国标28181编码、gb id、gb28181 id、gb28181 code",
    ),
    (
        Column::Organisation,
        "单位名称、所属单位、责任单位、使用单位、管理单位、归属单位、学校、学校名称、医院名称、\
         organization、org",
    ),
    (
        Column::PointClass,
        "点位类别、点位级别、点位等级、点位分类、监控点类型、监控点位类型、监控点类别、\
         摄像机点位类型、摄像机监控点位类型、建设类别、几类点、point type",
    ),
    (
        Column::CivilCode,
        "行政区划代码、行政区划编码、区划代码、行政区代码、行政区划码、区划、civil、region code",
    ),
    (
        Column::Address,
        "地址、详细地址、安装位置、安装地点、位置、点位地址、点位位置、设备地址、所在位置、\
         具体位置、地点、监控位置、摄像机位置、摄像机地址、街路巷、location、install address、\
         addr",
    ),
    (
        Column::Longitude,
        "经度坐标、坐标经度、东经、地理经度、lon、lng",
    ),
    (Column::Latitude, "纬度坐标、坐标纬度、北纬、地理纬度、lat"),
    (
        Column::PlaceType,
        "场所类型、场所、位置类别、安装场所、场所类别、安装位置类型、摄像机位置类型",
    ),
    (
        Column::Bearing,
        "监控方向、监视方位、监视方向、监控方位、方向、方位、方位角、拍摄方向、镜头朝向、\
         摄像机朝向、监控朝向、direction、heading、azimuth、orientation",
    ),
    (
        Column::Ptz,
        "摄像机类型、摄像头类型、相机类型、摄像机结构类型、结构类型、云台、ptz type、camera type",
    ),
    (
        Column::Room,
        "室内/室外、室内或室外、室内室外、室外/室内、安装环境、indoor、indoor/outdoor",
    ),
    (
        Column::Light,
        "补光属性、补光类型、补光方式、补光灯、supplement light",
    ),
    (
        Column::Manufacturer,
        "品牌、厂家、生产厂家、生产厂商、设备厂商、设备厂家、设备品牌、摄像机厂商、摄像机品牌、\
         制造商、摄像机厂家、供应商品牌、brand、vendor、maker",
    ),
    (
        Column::Model,
        "设备型号、规格型号、型号规格、摄像机型号、摄像机设备型号、产品型号、设备规格型号、\
         device model",
    ),
    (
        Column::Nvr,
        "NVR、NVR名称、录像机名称、所属录像机、硬盘录像机、NVR编号、所属NVR、DVR、recorder",
    ),
    (Column::Pull, "取流方式、拉流模式、取流模式、pull mode"),
    (
        Column::Disabled,
        "是否停用、禁用、是否禁用、已停用、停用标志",
    ),
    (
        Column::Town,
        "所属街道、街道/乡镇、街道(乡镇)、乡镇/街道、乡镇(街道)、乡镇街道、镇街、街镇、乡镇、\
         所属乡镇、所属镇街、所属街道(乡镇)、所在街道、街道办、街道办事处、街道名称、\
         所属街道办、township",
    ),
    (
        Column::Community,
        "所属社区、社区/村、社区(村)、村/社区、村(社区)、村社区、所在社区、社区名称、\
         所属村/社区、所属社区(村)、village",
    ),
    (
        Column::Grid,
        "所属网格、网格名称、网格编号、网格编码、网格号、所在网格、社区网格、综治网格",
    ),
    (
        Column::Datum,
        "坐标系统、坐标类型、坐标系类型、坐标标准、坐标基准、坐标体系、coordinate system、crs",
    ),
    (
        Column::Fov,
        "视场角度、视角、水平视场角、可视角度、field of view、view angle",
    ),
    (
        Column::ViewDistance,
        "可视距离、监控距离、可视半径、监控半径、有效距离、可见距离、监视距离、visual distance",
    ),
    (
        Column::Serial,
        "设备序列号、出厂编号、SN、SN码、S/N、产品序列号、摄像机序列号、serial number、serial no",
    ),
    (
        Column::Mac,
        "MAC、物理地址、设备MAC、设备MAC地址、网卡地址、mac address",
    ),
    (
        Column::Ip,
        "IP、IP地址、设备IP地址、摄像机IP、摄像机IP地址、摄像头IP、摄像头IP地址、前端IP、IPv4、\
         IPv4地址、IPC地址、ip address、ip addr、device ip",
    ),
    (
        Column::Channel,
        "通道、通道编号、通道序号、NVR通道号、NVR通道、channel no、channel number",
    ),
    (
        Column::InstallTime,
        "安装日期、建设时间、建成时间、安装年月、建设日期、建成日期、投入使用时间、投用时间、\
         建设年份、安装年份、install date、installed",
    ),
    (
        Column::RecordDays,
        "存储时间、存储时长、录像保存天数、录像天数、保存天数、录像存储天数、录像保存时间、\
         存储周期、录像保存时长、视频保存天数、retention days、storage days",
    ),
    (
        Column::Contact,
        "联系电话、电话、联系人电话、负责人电话、手机、手机号、联系人及电话、管理单位联系方式、\
         责任人电话、phone、telephone、tel、mobile",
    ),
    (
        Column::LegalBasis,
        "法律依据、建设依据文件、安装依据、依据、批准文号、建设批文",
    ),
    (
        Column::SubUrl,
        "子码流、辅码流、辅码流地址、次码流、次码流地址、子码流URL、子码流RTSP地址、sub stream、\
         sub stream url",
    ),
    (Column::Transport, "传输方式、传输模式"),
    (Column::OnvifUrl, "ONVIF、ONVIF URL"),
    (Column::SnapshotUrl, "抓图URL、截图地址、快照地址、snapshot"),
    (Column::ReplayUrl, "回放地址、回放URL、replay"),
];

/// Names, one by one.
pub(super) fn each(names: &'static str) -> impl Iterator<Item = &'static str> {
    names.split('、')
}
