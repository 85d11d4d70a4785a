<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Block\Adminhtml;

use Magento\Backend\Block\Template\Context;
use Magento\Config\Block\System\Config\Form\Field;
use Magento\Framework\App\ResourceConnection;
use Magento\Framework\Data\Form\Element\AbstractElement;

/**
 * Shows the status of the bridges in the configuration.
 */
class BridgeStatus extends Field
{
    private const TABLE = 'eventbridge_bridge';
    private const SHOWN = 5;
    private const ALIVE_SECONDS = 60;

    /**
     * @var string
     */
    protected $_template = 'MagentoEventBridge_Agent::bridge_status.phtml';

    /**
     * @var ResourceConnection
     */
    private $resource;

    /**
     * @param Context $context
     * @param ResourceConnection $resource
     * @param array $data
     */
    public function __construct(Context $context, ResourceConnection $resource, array $data = [])
    {
        parent::__construct($context, $data);
        $this->resource = $resource;
    }

    /**
     * Returns the bridges, latest heartbeat first. Ages use the clock of the database.
     *
     * @return array[] of id, isRunning, heartbeat (seconds ago) and status
     */
    public function getBridges(): array
    {
        try {
            $connection = $this->resource->getConnection();
            $rows = $connection->fetchAll(
                $connection->select()
                    ->from($this->resource->getTableName(self::TABLE), ['id', 'status', 'age' => $this->age()])
                    ->order('heartbeat_at DESC')
                    ->limit(self::SHOWN)
            );
        } catch (\Exception $exception) {
            $this->_logger->error($exception->getMessage());
            return [];
        }
        $bridges = [];
        foreach ($rows as $row) {
            $age = max(0, (int)$row['age']);
            $status = json_decode((string)$row['status'], true);
            $bridges[] = [
                'id' => (string)$row['id'],
                'isRunning' => $age <= self::ALIVE_SECONDS,
                'heartbeat' => $age,
                'status' => is_array($status) ? $status : [],
            ];
        }

        return $bridges;
    }

    /**
     * Formats a status value as text, and a time as a date.
     *
     * @param mixed $value
     * @param bool $isTime
     * @return string
     */
    public function describe($value, bool $isTime = false): string
    {
        if ($value === null || $value === '' || $value === []) {
            return '–';
        }
        if ($isTime && is_numeric($value)) {
            return gmdate('Y-m-d H:i:s', (int)$value) . ' UTC';
        }

        return is_array($value) ? implode('; ', array_filter($value, 'is_scalar')) : (string)$value;
    }

    /**
     * @inheritdoc
     */
    protected function _getElementHtml(AbstractElement $element): string
    {
        return $this->_toHtml();
    }

    /**
     * Returns the age of a heartbeat in seconds, by the clock of the database.
     */
    private function age(): \Zend_Db_Expr
    {
        return new \Zend_Db_Expr('UNIX_TIMESTAMP(NOW(6)) - heartbeat_at');
    }
}
