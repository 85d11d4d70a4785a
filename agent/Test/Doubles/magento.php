<?php

/**
 * As much of Magento as the agent's unit tests need: names, and the least behaviour behind them.
 */
declare(strict_types=1);

// phpcs:disable

namespace Psr\Log {
    interface LoggerInterface
    {
    }
}

namespace Magento\Framework {
    interface ObjectManagerInterface
    {
        public function get($type);
    }

    class DataObject
    {
        protected $_data;

        public function __construct(array $data = [])
        {
            $this->_data = $data;
        }

        public function getData($key = '', $index = null)
        {
            return $key === '' ? $this->_data : $this->_data[$key] ?? null;
        }

        public function setData($key, $value = null)
        {
            $this->_data[$key] = $value;
            return $this;
        }

        public function hasData($key = '')
        {
            return array_key_exists($key, $this->_data);
        }

        public function __call($method, $arguments)
        {
            $key = strtolower(preg_replace('/(?<!^)([A-Z])/', '_$1', substr($method, 3)));
            return strpos($method, 'set') === 0 ? $this->setData($key, $arguments[0]) : $this->getData($key);
        }
    }

    interface AuthorizationInterface
    {
        public function isAllowed($resource, $privilege = null);
    }

    class Escaper
    {
        public function escapeJs($string)
        {
            return addslashes($string);
        }
    }

    class Event extends DataObject
    {
        private $name;

        public function __construct(string $name, array $data = [])
        {
            parent::__construct($data);
            $this->name = $name;
        }

        public function getName()
        {
            return $this->name;
        }
    }
}

namespace Magento\InventoryApi\Api {
    interface SourceItemsDeleteInterface
    {
    }
}

namespace Magento\Framework\Api {
    interface CustomAttributesDataInterface
    {
        public function getCustomAttribute($code);

        public function getCustomAttributes();
    }
}

namespace Magento\Framework\Event {
    interface ManagerInterface
    {
        public function dispatch($eventName, array $data = []);
    }

    class Observer extends \Magento\Framework\DataObject
    {
        public function getEvent()
        {
            return $this->getData('event');
        }
    }

    interface ObserverInterface
    {
        public function execute(Observer $observer);
    }
}

namespace Magento\Framework\Exception {
    class LocalizedException extends \Exception
    {
    }
}

namespace Magento\Framework\Model {
    abstract class AbstractModel extends \Magento\Framework\DataObject
    {
        private $origData = [];

        public function getIdFieldName()
        {
            return $this->getResource()->getIdFieldName();
        }

        public function isObjectNew()
        {
            return !$this->getId();
        }

        public function setOrigData($key = null, $data = null)
        {
            $this->origData = $this->_data;
            return $this;
        }

        public function getOrigData($key = null)
        {
            return $this->origData[$key] ?? null;
        }

        public function getId()
        {
            return $this->getData($this->getResource()->getIdFieldName());
        }

        abstract public function getResource();
    }
}

namespace Magento\Framework\DB\Adapter {
    interface AdapterInterface
    {
    }
}

namespace Magento\Framework\App {
    class Area
    {
        public const AREA_FRONTEND = 'frontend';
        public const AREA_ADMINHTML = 'adminhtml';
        public const AREA_CRONTAB = 'crontab';
    }

    class State
    {
        public $area = 'frontend';

        public function getAreaCode()
        {
            if ($this->area === null) {
                throw new \Magento\Framework\Exception\LocalizedException('Area code is not set');
            }
            return $this->area;
        }
    }

    class ResourceConnection
    {
        private $connection;

        public function __construct($connection)
        {
            $this->connection = $connection;
        }

        public function getConnection()
        {
            return $this->connection;
        }

        public function getTableName($name)
        {
            return 'shop_' . $name;
        }
    }

    interface CacheInterface
    {
    }

    interface ProductMetadataInterface
    {
        public function getVersion();

        public function getEdition();
    }
}

namespace Magento\Framework\App\Config {
    interface ScopeConfigInterface
    {
        public function getValue($path, $scope = 'default', $code = null);

        public function isSetFlag($path, $scope = 'default', $code = null);
    }
}

namespace Magento\Framework\App\Config {
    class Value extends \Magento\Framework\DataObject
    {
        public $isSaved = false;

        public function beforeSave()
        {
            $this->isSaved = true;

            return $this;
        }
    }
}

namespace {
    abstract class Zend_Db_Adapter_Abstract
    {
    }
}

namespace Magento\Framework\ObjectManager {
    interface ResetAfterRequestInterface
    {
        public function _resetState(): void;
    }
}

namespace Magento\Config\App\Config\Type\System {
    class Reader
    {
    }
}

namespace Magento\Framework\Model {
    class CallbackPool
    {
        private static $callbacks = [];

        public static function attach($hash, $callback)
        {
            self::$callbacks[$hash][] = $callback;
        }

        public static function get($hash)
        {
            $callbacks = self::$callbacks[$hash] ?? [];
            unset(self::$callbacks[$hash]);

            return $callbacks;
        }

        public static function clear($hash)
        {
            unset(self::$callbacks[$hash]);
        }
    }
}

namespace Magento\Config\Model\Config\Backend {
    class Encrypted extends \Magento\Framework\App\Config\Value
    {
    }
}

namespace {
    if (!function_exists('__')) {
        function __($text, ...$arguments)
        {
            return str_replace('%1', (string)($arguments[0] ?? ''), $text);
        }
    }
}

namespace Magento\Framework\Encryption {
    interface EncryptorInterface
    {
        public function decrypt($data);
    }
}

namespace Magento\Framework\HTTP {
    class Header
    {
        public function getHttpUserAgent()
        {
            return 'browser';
        }
    }
}

namespace Magento\Framework\HTTP\PhpEnvironment {
    class RemoteAddress
    {
        public function getRemoteAddress()
        {
            return '192.0.2.1';
        }
    }
}

namespace Magento\Framework\HTTP\Client {
    class CurlFactory
    {
        public $client;

        public function create()
        {
            return $this->client;
        }
    }
}

namespace Magento\Framework\Message {
    interface ManagerInterface
    {
        public function getMessages();
    }

    interface MessageInterface
    {
        public const DEFAULT_IDENTIFIER = 'default_message_identifier';
    }
}

namespace Magento\Store\Model {
    interface ScopeInterface
    {
        public const SCOPE_STORE = 'store';
    }

    class Store
    {
        public const DEFAULT_STORE_ID = 0;
    }

    interface StoreManagerInterface
    {
        public function getStore($storeId = null);
    }
}

namespace Magento\Cron\Model\ResourceModel {
    class Schedule
    {
        public $connection;

        public function getConnection()
        {
            return $this->connection;
        }

        public function getMainTable()
        {
            return 'cron_schedule';
        }
    }
}

namespace Magento\Customer\Model {
    class Session
    {
        public $isLoggedIn = false;

        public function isLoggedIn()
        {
            return $this->isLoggedIn;
        }
    }
}

namespace Magento\Customer\Api {
    interface CustomerRepositoryInterface
    {
    }
}

namespace Magento\Integration\Api {
    interface CustomerTokenServiceInterface
    {
    }
}

namespace Magento\TwoFactorAuth\Api {
    interface AdminTokenServiceInterface
    {
    }
}

namespace Magento\Authorization\Model {
    interface UserContextInterface
    {
        public const USER_TYPE_CUSTOMER = 3;
    }
}

namespace Magento\User\Model {
    class UserFactory
    {
        public function create()
        {
            return new class extends \Magento\Framework\DataObject {
                public function __construct()
                {
                    parent::__construct();
                }

                public function getId()
                {
                    return $this->getData('user_id');
                }

                public function loadByUsername($name)
                {
                    $this->_data = ['user_id' => '7', 'user_name' => $name, 'email' => 'admin@example.com'];

                    return $this;
                }
            };
        }
    }
}

namespace Magento\Sales\Block\Adminhtml\Order {
    class View
    {
        public $buttons = [];

        private $number;
        private $failure;

        public function __construct(string $number, ?\Throwable $failure = null)
        {
            $this->number = $number;
            $this->failure = $failure;
        }

        public function getOrder()
        {
            if ($this->failure) {
                throw $this->failure;
            }
            return new \Magento\Framework\DataObject(['increment_id' => $this->number]);
        }

        public function addButton($buttonId, $data)
        {
            $this->buttons[$buttonId] = $data;
            return $this;
        }
    }
}

namespace Magento\Sales\Model {
    class OrderFactory
    {
        public $load;

        public function create()
        {
            return new class ($this->load) {
                private $load;

                public function __construct($load)
                {
                    $this->load = $load;
                }

                public function load($id)
                {
                    return ($this->load)($id);
                }
            };
        }
    }
}

namespace Magento\Sales\Model\Order\Shipment {
    class Comment extends \Magento\Framework\DataObject
    {
    }
}

namespace Magento\Framework\Event\Config {
    class Data
    {
        /**
         * @var array[]
         */
        public $merged = [];

        public function merge(array $config)
        {
            $this->merged = array_replace_recursive($this->merged, $config);
        }
    }
}

namespace Magento\Framework\Lock {
    interface LockManagerInterface
    {
        public function lock(string $name, int $timeout = -1): bool;

        public function unlock(string $name): bool;
    }
}

namespace Magento\Cron\Model {
    interface ConfigInterface
    {
        public function getJobs();
    }

    class Schedule extends \Magento\Framework\DataObject
    {
        public const STATUS_RUNNING = 'running';
        public const STATUS_SUCCESS = 'success';
        public const STATUS_MISSED = 'missed';
        public const STATUS_ERROR = 'error';
    }
}

namespace Magento\Customer\Api\Data {
    interface CustomerInterface
    {
    }
}

namespace Magento\Sales\Model\ResourceModel\Order\Shipment\Track {
    class CollectionFactory extends \MagentoEventBridge\Agent\Test\Doubles\Collections
    {
    }
}

namespace Magento\Sales\Model\ResourceModel\Order\Shipment\Comment {
    class CollectionFactory extends \MagentoEventBridge\Agent\Test\Doubles\Collections
    {
    }
}

namespace Magento\Sales\Api {
    interface OrderRepositoryInterface
    {
        public function get($id);
    }

    interface ShipmentRepositoryInterface
    {
        public function get($id);
    }
}

namespace Magento\Framework\MessageQueue {
    class MessageEncoder
    {
        public function encode($topic, $message, $requestType = true)
        {
            return json_encode($message);
        }
    }

    class ConnectionTypeResolver
    {
        public function getConnectionType($connectionName)
        {
            if ($connectionName === 'unknown') {
                throw new \LogicException('Unknown connection name ' . $connectionName);
            }
            // Each other name that env.php has under queue/connections.
            return in_array($connectionName, ['db', 'amqp', 'stomp'], true) ? $connectionName : 'amqp';
        }
    }
}

namespace Magento\Framework\MessageQueue\Publisher {
    interface ConfigInterface
    {
        public function getPublisher($topic);
    }
}

namespace Magento\Framework {
    /**
     * Values in the database by their codes, encoded as JSON.
     */
    class FlagManager
    {
        public $saved = [];

        public function getFlagData($code)
        {
            return isset($this->saved[$code]) ? json_decode(json_encode($this->saved[$code]), true) : null;
        }

        public function saveFlag($code, $value)
        {
            $this->saved[$code] = $value;

            return true;
        }
    }
}

namespace PhpAmqpLib\Exception {
    class AMQPProtocolChannelException extends \Exception
    {
    }

    class AMQPTimeoutException extends \RuntimeException
    {
    }
}

namespace PhpAmqpLib\Channel {
    class AMQPChannel extends \MagentoEventBridge\Agent\Test\Doubles\Channel
    {
    }
}

namespace PhpAmqpLib\Message {
    class AMQPMessage
    {
        public $body;

        public $properties;

        public function __construct($body = '', $properties = [])
        {
            $this->body = $body;
            $this->properties = $properties;
        }
    }
}

namespace Magento\Framework\Amqp {
    class Config
    {
        public const HOST = 'host';
        public const PORT = 'port';
        public const USERNAME = 'user';
        public const PASSWORD = 'password';
        public const VIRTUALHOST = 'virtualhost';
        public const SSL = 'ssl';
        public const SSL_OPTIONS = 'ssl_options';
    }

    class ConfigPool
    {
        private $config;

        public function __construct($config)
        {
            $this->config = $config;
        }

        public function get($connectionName)
        {
            return $this->config;
        }
    }
}

namespace Magento\Framework\Amqp\Connection {
    class FactoryOptions
    {
        public $set = [];

        public function __call($name, $arguments)
        {
            $this->set[$name] = $arguments[0];
        }
    }

    class Factory
    {
        public $options = [];

        private $broker;

        public function __construct($broker)
        {
            $this->broker = $broker;
        }

        public function create(FactoryOptions $options)
        {
            $this->options[] = $options->set;

            return $this->broker->connect();
        }
    }
}

namespace Magento\Framework\Module {
    class Dir
    {
        public const MODULE_ETC_DIR = 'etc';

        public $root = '';

        public function getDir($moduleName, $type = '')
        {
            return $this->root . '/' . $moduleName . '/' . $type;
        }
    }
}

namespace Magento\Framework\Filesystem\Driver {
    class File
    {
        public function isExists($path)
        {
            return file_exists($path);
        }

        public function deleteFile($path)
        {
            return unlink($path);
        }
    }
}
